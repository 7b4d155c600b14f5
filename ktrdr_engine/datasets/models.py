"""What a load of prices is asked and what it answers. Light to import."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ktrdr_engine.fields import TimeframeName
from ktrdr_engine.operations.requests import OperationRequest

SourceSymbol = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9^][A-Za-z0-9._/:=^-]*$",
        description="Instrument as the source calls it; BTC/USDT is stored as BTC-USDT",
        examples=["AAPL"],
    ),
]
SourceName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        description="file, yahoo, ccxt:<exchange>, or resample (from a shorter timeframe there is)",
        examples=["file"],
    ),
]
FromDate = Annotated[
    str | None,
    Field(max_length=40, description="First day or time, UTC; omit for all of a file, or to go on from the last bar"),
]
ToDate = Annotated[str | None, Field(max_length=40, description="Last day or time, UTC, inclusive; omit for the end")]
ImportPath = Annotated[
    str | None, Field(max_length=200, description="With source=file: a CSV or Parquet file in KTRDR_HOME/imports")
]
OnConflict = Annotated[
    Literal["keep", "replace"], Field(description="Bars that differ from those there: keep yours, or replace them")
]

_FOREIGN = re.compile(r"[^A-Za-z0-9._-]+")


class LoadRequest(OperationRequest):
    """One load of prices, as asked for. Unknown fields are refused."""

    noun = "load"

    symbol: SourceSymbol
    timeframe: TimeframeName
    source: SourceName
    start_date: FromDate = None
    end_date: ToDate = None
    path: ImportPath = None
    on_conflict: OnConflict = "keep"

    @property
    def stored_symbol(self) -> str:
        """The symbol under which the bars are kept: what a file's name cannot hold becomes a dash."""
        return _FOREIGN.sub("-", self.symbol).strip("-")


class Conflict(BaseModel):
    """A bar that two sources tell differently."""

    model_config = ConfigDict(frozen=True)

    timestamp: str
    field: str
    there: float
    offered: float


class GapRow(BaseModel):
    """Bars that are missing in a row: where the first and the last of them would open, and how many."""

    model_config = ConfigDict(frozen=True)

    first: str
    last: str
    bars: int


class LoadProvenance(BaseModel):
    """The bars before and after, by the digest that backtests name too; None: there were none."""

    model_config = ConfigDict(frozen=True)

    sha256_before: str | None
    sha256_after: str | None


class LoadResults(BaseModel):
    """What a load brought.

    Attributes:
        bars: All bars now there, of which this load brought `new_bars` and overwrote `replaced_bars`.
        conflicts: Bars that differed from those there; which of the two is kept, `notes` say.
        gaps: Runs of missing bars, `missing_bars` together; the worst few are in `longest_gaps`.
        segments: Parts asked for, of which `segments_done` are in.
    """

    model_config = ConfigDict(frozen=True)

    symbol: str
    timeframe: str
    source: str
    path: str | None
    bars: int
    new_bars: int
    replaced_bars: int
    first_bar: str | None
    last_bar: str | None
    conflicts: int
    first_conflicts: tuple[Conflict, ...]
    gaps: int
    missing_bars: int
    longest_gaps: tuple[GapRow, ...]
    segments: int
    segments_done: int
    notes: tuple[str, ...]
    provenance: LoadProvenance

    def to_json(self) -> dict[str, Any]:
        """Return the results as plain JSON data."""
        return self.model_dump(mode="json")
