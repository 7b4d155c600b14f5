"""What a backtest is asked and what it answers.

The request model owns every default, whichever door a request comes through. Light to import: no arrays here but
for annotations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ktrdr_engine.bars.dates import parse_bound
from ktrdr_engine.errors import InvalidRequest, did_you_mean

Symbol = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Instrument to trade",
        examples=["EURUSD"],
    ),
]
TimeframeName = Annotated[
    str, Field(max_length=8, description="Bar length: 1m 5m 15m 30m 1h 4h 1d 1w", examples=["1h"])
]
StrategyPath = Annotated[
    str,
    Field(min_length=1, max_length=200, description="Strategy file", examples=["strategies/rsi_mean_reversion.yaml"]),
]
ModelPath = Annotated[
    str | None,
    Field(max_length=200, description="Model file; omit for the newest trained for that strategy"),
]
FirstDate = Annotated[
    str, Field(max_length=40, description="First day or time, ISO-8601, UTC, inclusive", examples=["2017-01-02"])
]
LastDate = Annotated[
    str,
    Field(max_length=40, description="Last day or time, ISO-8601, UTC; a bare date includes its whole day"),
]
Capital = Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False, description="Account currency")]
CostRate = Annotated[
    float, Field(ge=0, le=0.2, allow_inf_nan=False, description="Fraction per fill: 0.001 is 0.1 %, at most 0.2")
]

DEFAULT_CAPITAL = 100_000.0
DEFAULT_COMMISSION = 0.001
DEFAULT_SLIPPAGE = 0.001
_MISTAKES_SHOWN = 20
_VALUE_WIDTH = 200


class BacktestRequest(BaseModel):
    """One backtest, as asked for. Unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    symbol: Symbol
    timeframe: TimeframeName
    strategy_config_path: StrategyPath
    model_path: ModelPath = None
    start_date: FirstDate
    end_date: LastDate
    initial_capital: Capital = DEFAULT_CAPITAL
    commission: CostRate = DEFAULT_COMMISSION
    slippage: CostRate = DEFAULT_SLIPPAGE

    @field_validator("initial_capital", "commission", "slippage", mode="before")
    @classmethod
    def _refuse_booleans(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("expected a number, not true or false")
        return value

    @classmethod
    def parse(cls, arguments: Mapping[str, Any]) -> Self:
        """Build a request from untyped arguments.

        Raises:
            InvalidRequest: All mistakes in one message, the first twenty named: the field, the value, the repair.
        """
        try:
            return cls.model_validate(dict(arguments))
        except ValidationError as error:
            found = error.errors(include_url=False)
            mistakes = [_mistake(one, cls.model_fields) for one in found[:_MISTAKES_SHOWN]]
            more = f"; and {len(found) - len(mistakes)} more" if len(found) > len(mistakes) else ""
            raise InvalidRequest(
                "The backtest request is not valid: " + "; ".join(text for text, _ in mistakes) + more,
                details={"errors": [details for _, details in mistakes]},
            ) from None

    def range_ns(self) -> tuple[int, int]:
        """Return the requested first and last moment, int64 ns UTC, both inclusive.

        Raises:
            InvalidRequest: A date cannot be read, or the end is before the start.
        """
        first, last = parse_bound(self.start_date, end=False), parse_bound(self.end_date, end=True)
        if first > last:
            raise InvalidRequest(
                f"end_date {self.end_date!r} is before start_date {self.start_date!r}: swap them.",
                details={"field": "end_date", "value": self.end_date, "start_date": self.start_date},
            )
        return first, last


def _mistake(error: Mapping[str, Any], known: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
    """Return a mistake as a clause of the message, and as field, value and repair."""
    field, value = ".".join(str(part) for part in error["loc"])[:_VALUE_WIDTH], error["input"]
    if error["type"] == "extra_forbidden":
        repair = did_you_mean(field, known).strip()
        text = f"unknown argument {field!r}: {repair}"
    elif error["type"] == "missing":
        value, repair = None, "give it"
        text = f"{field} is missing"
    else:
        repair = f"{error['msg'][0].lower()}{error['msg'][1:]}"
        if field in ("commission", "slippage"):
            repair += " (a fraction per fill: 0.001 means 0.1 %)"
        text = f"{field}={repr(value)[:_VALUE_WIDTH]}: {repair}"
    return text, {"field": field, "value": _plain(value), "repair": repair}


def _plain(value: object) -> str | int | float | None:
    """Return a value as JSON can carry it, and not at length."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value[:_VALUE_WIDTH] if isinstance(value, str) else repr(value)[:_VALUE_WIDTH]


class Provenance(BaseModel):
    """What the numbers were made from; equal provenance means equal bytes."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    data_sha256: str
    strategy_sha256: str
    model_sha256: str
    seed: int | None
    engine_version: str
    library_versions: dict[str, str]


class BacktestResults(BaseModel):
    """The numbers of one run.

    Ratios are fractions, money is in account currency, an undefined value is None with its reason in `notes`.
    `in_sample` says that the model was trained on, or chosen by, some of these bars; `notes` says which.
    `tables` holds the equity curve and the trades as columns; it is stored beside the results, never inside them.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, protected_namespaces=())

    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    max_drawdown: float | None
    max_drawdown_duration_days: float | None
    total_trades: int
    win_rate: float | None
    avg_win: float | None
    avg_loss: float | None
    profit_factor: float | None
    expectancy: float | None
    exposure: float | None
    turnover: float | None
    total_commission: float
    total_slippage: float
    final_value: float
    initial_capital: float
    buy_and_hold_return: float | None
    bars: int
    warmup_bars: int
    first_bar: str
    last_bar: str
    annualization: int
    in_sample: bool
    notes: tuple[str, ...] = ()
    provenance: Provenance
    partial: bool = False
    tables: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude=True, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the results as plain JSON data; `partial` only when true."""
        data = self.model_dump(mode="json")
        if not self.partial:
            del data["partial"]
        return data
