"""`make bench`: every figure as measured | target | verdict. Names of sections as arguments run only those."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable

from rich.console import Console

from benchmarks import context, engine, operations, pictures, remote, server, training
from benchmarks.report import Measurement, show

SECTIONS: dict[str, tuple[Callable[[], Iterable[Measurement]], ...]] = {
    "operations": (operations.bridge_writes, operations.pulls, operations.starts, operations.memory),
    "engine": (engine.signals_only, engine.peers, engine.whole_run),
    "server": (server.cold_start, server.backtests, server.calls_under_load, server.calls_while_training),
    "training": (training.throughput,),
    "remote": (remote.pulls, remote.overhead, remote.crowd, remote.cycles, remote.lost_worker),
    "pictures": (pictures.pictures,),
    "context": (context.replies,),
}


def main(names: list[str]) -> int:
    """Run the named sections, or all; return 1 when a target was missed."""
    if unknown := sorted(set(names) - set(SECTIONS)):
        print(f"No section {', '.join(unknown)}; there are: {', '.join(SECTIONS)}.", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    missed = []
    for name in names or SECTIONS:
        rows = (row for benchmark in SECTIONS[name] for row in benchmark())
        missed += show(name, rows, console)
    console.print(f"{len(missed)} targets missed" if missed else "All targets met.")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
