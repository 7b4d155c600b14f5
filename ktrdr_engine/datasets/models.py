"""What a load of prices is asked and what it answers. Light to import."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ktrdr_engine.fields import TimeframeName
from ktrdr_engine.operations.requests import OperationRequest
from ktrdr_engine.symbols import canonical_symbol
from ktrdr_engine.vocabulary import unknown_argument


def _checked_symbol(symbol: str) -> str:
    canonical_symbol(symbol)
    return symbol


# Every word of these is paid for by each client that lists the tools: what a value must look like stands in refusals.
SourceSymbol = Annotated[
    str, AfterValidator(_checked_symbol), Field(description="As the source calls it; BTC/USDT is the same as BTC-USDT")
]
SourceName = Annotated[str, Field(description="file, yahoo, ccxt:<exchange>, or resample (from a shorter timeframe)")]
FromDate = Annotated[str | None, Field(description="Omit for all of a file, or to go on from the last bar")]
ToDate = Annotated[str | None, Field(description="Inclusive")]
ImportPath = Annotated[str | None, Field(description="For file: its name in KTRDR_HOME/imports")]
FileFormat = Annotated[str | None, Field(description="If asked: columns in order, decimal_comma, no_volume")]
DateFormat = Annotated[str | None, Field(description="If asked for: DD/MM/YYYY")]
FileZone = Annotated[str | None, Field(description="Of local times in it: Europe/Berlin")]
MarketName = Annotated[
    str | None, Field(max_length=80, description="us_equity, fx, crypto, utc or equity:<IANA zone>; omit to infer")
]
OnConflict = Annotated[Literal["keep", "replace"], Field(description="Which bars win where they differ")]


class LoadRequest(OperationRequest):
    """One load of prices, as asked for. Unknown fields are refused."""

    noun = "load"

    symbol: SourceSymbol
    timeframe: TimeframeName
    source: SourceName
    start_date: FromDate = None
    end_date: ToDate = None
    path: ImportPath = None
    format: FileFormat = None
    date_format: DateFormat = None
    timezone: FileZone = None
    market: MarketName = None
    on_conflict: OnConflict = "keep"

    @classmethod
    def unknown(cls, field: str) -> str:
        """Return what to do about a field there is not, by what other programs mean by it."""
        return unknown_argument(field, cls.model_fields)

    @property
    def stored_symbol(self) -> str:
        """The one spelling of the symbol, under which the bars are kept."""
        return canonical_symbol(self.symbol)


class GapRow(BaseModel):
    """Bars that are missing in a row: where the first and the last of them would open, and how many."""

    model_config = ConfigDict(frozen=True)

    first: str
    last: str
    bars: int


class DatasetRow(BaseModel):
    """One dataset in a list; a file that cannot be used has a `problem` and hardly anything else.

    `source` is user or shipped; `loaded_from` is where the bars came from, as far as a load has told; `market_inferred`
    says that nobody has told the market.
    """

    model_config = ConfigDict(frozen=True)

    symbol: str
    timeframe: str
    bars: int = 0
    first: str = ""
    last: str = ""
    gaps: int = 0
    longest_gap: GapRow | None = None
    market: str = ""
    market_inferred: bool = False
    source: str = ""
    loaded_from: str = ""
    problem: str | None = None


class DatasetPage(BaseModel):
    """Datasets by symbol and timeframe; `total` counts all, `returned` those on this page."""

    model_config = ConfigDict(frozen=True)

    datasets: tuple[DatasetRow, ...]
    total: int
    returned: int


class Conflict(BaseModel):
    """A bar that two sources tell differently."""

    model_config = ConfigDict(frozen=True)

    timestamp: str
    field: str
    there: float
    offered: float


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
    market: str | None
    market_inferred: bool
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
