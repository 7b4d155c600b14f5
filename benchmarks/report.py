"""A measurement beside its target, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of a benchmark run.

    `target` is a bound in the same unit as `value`; None makes it information without a verdict.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.higher_is_better else self.value <= self.target


def percentile(samples: Sequence[float], fraction: float) -> float:
    """Return the sample below which `fraction` (0..1) of the samples lie, by nearest rank."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def show(title: str, measurements: Iterable[Measurement], console: Console) -> list[Measurement]:
    """Print the table; return the measurements that missed their target."""
    table = Table(title=title, title_justify="left")
    for heading, justify in (("what", "left"), ("measured", "right"), ("target", "right"), ("verdict", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=heading != "what")
    table.add_column("note")
    rows = list(measurements)
    for row in rows:
        bound = "-" if row.target is None else f"{'>=' if row.higher_is_better else '<='} {_number(row.target)}"
        verdict = {True: "[green]met[/]", False: "[red]MISSED[/]", None: ""}[row.met]
        table.add_row(row.name, f"{_number(row.value)} {row.unit}", bound, verdict, row.note)
    console.print(table)
    return [row for row in rows if row.met is False]


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
