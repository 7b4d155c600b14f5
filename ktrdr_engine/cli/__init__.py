"""The `ktrdr` command: a client of the engine like any other, for people and for scripts.

`app` declares the commands and imports nothing heavy; each command loads what it needs when it runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from ktrdr_engine.cli.app import app

    app(prog_name="ktrdr")
