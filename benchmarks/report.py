"""A measurement beside its target, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of a benchmark run.

    `target` is a bound in the same unit as `value`; None makes it information without a verdict. `pace` says how many
    times slower than the machine of the target this one is, for a bound that was set as a time there (`pace.pace`).
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = False
    note: str = ""
    pace: float = 1.0

    @property
    def met(self) -> bool | None:
        """Whether the target is met, at this machine's pace where it has one; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.higher_is_better else self.value <= self.target * self.pace

    @property
    def verdict(self) -> str:
        """The verdict as printed; it says where only the pace of the machine made the difference."""
        if not self.met:
            return "" if self.met is None else "[red]MISSED[/]"
        is_slow = self.target is not None and not self.higher_is_better and self.value > self.target
        return f"[green]met[/], machine {self.pace:.2f}x slower" if is_slow else "[green]met[/]"


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
        table.add_row(row.name, f"{_number(row.value)} {row.unit}", bound, row.verdict, row.note)
    console.print(table)
    return [row for row in rows if row.met is False]


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
