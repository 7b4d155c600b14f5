"""The `ktrdr` command: a client of the engine like any other, for people and for scripts.

`app` declares the commands and imports nothing heavy; each command loads what it needs when it runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code."""
    import sys

    from ktrdr_engine.cli.app import app
    from ktrdr_engine.cli.streams import end_quietly, first_of, hold_standard_descriptors, prepare_stdout

    hold_standard_descriptors()
    prepare_stdout()
    try:
        try:
            app(prog_name="ktrdr")
        finally:
            # Here, since at the end of the interpreter nobody could handle an error.
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        sys.exit(end_quietly(error))
    except BaseExceptionGroup as error:
        # What a library makes of a closed stdout inside an event loop.
        if not isinstance(first_of(error), SystemExit):
            raise
        sys.exit(end_quietly(BrokenPipeError()))
