"""What a backtest is asked and what it answers.

The request model owns every default, whichever door a request comes through. Light to import: no arrays here but
for annotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ktrdr_engine.bars.dates import parse_range
from ktrdr_engine.fields import FirstDate, LastDate, ModelPath, StrategyPath, Symbol, TimeframeName
from ktrdr_engine.number_format import plain
from ktrdr_engine.operations.requests import OperationRequest, refuse_booleans
from ktrdr_engine.operations.wire import StartedReply
from ktrdr_engine.provenance import Provenance
from ktrdr_engine.vocabulary import unknown_argument

Capital = Annotated[
    float,
    Field(gt=0, le=1e15, allow_inf_nan=False, description="Account currency"),
    BeforeValidator(refuse_booleans),
]
CostRate = Annotated[
    float,
    Field(ge=0, le=0.2, allow_inf_nan=False, description="Fraction per fill: 0.001 is 0.1 %, at most 0.2"),
    BeforeValidator(refuse_booleans),
]

DEFAULT_CAPITAL = 100_000.0
DEFAULT_COMMISSION = 0.001
DEFAULT_SLIPPAGE = 0.001
_IMPLAUSIBLE = 0.02
"""A cost per fill that no market charges: whoever writes more has most likely written percent."""
_RATE_HINT = "a fraction per fill: 0.001 means 0.1 %"


class BacktestRequest(OperationRequest):
    """One backtest, as asked for. Unknown fields, NaN and infinity are refused."""

    noun = "backtest"
    hints: ClassVar[Mapping[str, str]] = {"commission": _RATE_HINT, "slippage": _RATE_HINT}

    symbol: Symbol
    timeframe: TimeframeName
    strategy_config_path: StrategyPath
    model_path: ModelPath = None
    start_date: FirstDate
    end_date: LastDate
    initial_capital: Capital = DEFAULT_CAPITAL
    commission: CostRate = DEFAULT_COMMISSION
    slippage: CostRate = DEFAULT_SLIPPAGE

    @classmethod
    def unknown(cls, field: str) -> str:
        """Return what to do about a field there is not, by what other programs mean by it."""
        return unknown_argument(field, cls.model_fields)

    def range_ns(self) -> tuple[int, int]:
        """Return the requested first and last moment, int64 ns UTC, both inclusive.

        Raises:
            InvalidRequest: A date cannot be read, or the end is before the start.
        """
        return parse_range(self.start_date, self.end_date)


def cost_doubts(commission: float, slippage: float) -> list[str]:
    """Return a sentence for each cost that was most likely meant in percent: it is taken as it is, and questioned."""
    return [
        f"{name} {plain(rate)} is {plain(rate * 100)} % of each fill; {plain(rate / 100)} is {plain(rate)} %. "
        "Was that meant?"
        for name, rate in (("commission", commission), ("slippage", slippage))
        if rate > _IMPLAUSIBLE
    ]


class ModelRelation(StrEnum):
    """What the model of a run has to do with its bars; how it is found out: `relation`.

    `in_sample`: training, or the choice of the epoch, read a bar of the run, labels' reach included, under any name.
    `trained_after`: on later bars, so that nobody could have had it then. `none`: rules decide.
    """

    NONE = "none"
    OUT_OF_SAMPLE = "out_of_sample"
    IN_SAMPLE = "in_sample"
    TRAINED_AFTER = "trained_after"
    OTHER_SYMBOL = "other_symbol"

    @property
    def flaw(self) -> str:
        """Return in words what speaks against the numbers of such a run; empty: nothing."""
        return _FLAWS.get(self, "")


_FLAWS: Final[Mapping[ModelRelation, str]] = {
    ModelRelation.IN_SAMPLE: "in sample",
    ModelRelation.TRAINED_AFTER: "model trained after these bars",
    ModelRelation.OTHER_SYMBOL: "model of another symbol",
}


def relation_of(results: Mapping[str, Any]) -> ModelRelation | None:
    """Return the relation that stored results tell; None where they do not, or are not those of a backtest.

    Results of earlier versions have `in_sample` instead. Only its true can be relied on: it compared the stamps of rows
    under the same name, and forgot what labels reach.
    """
    told = results.get("model_relation")
    if told in set(ModelRelation):
        return ModelRelation(told)
    if results.get("in_sample") is True:
        return ModelRelation.IN_SAMPLE
    provenance = results.get("provenance")
    has_no_model = isinstance(provenance, Mapping) and provenance.get("model_sha256", "") is None
    return ModelRelation.NONE if "in_sample" in results and has_no_model else None


class BacktestStarted(StartedReply):
    """The handle of a backtest, with the model that decides (empty: rules do) and whether it has seen the bars."""

    model_path: str = ""
    model_relation: str = ""

    @classmethod
    def remark(cls, metadata: Mapping[str, Any]) -> str:
        """Return which model decides and whether it has seen the bars."""
        relation = metadata.get("model_relation")
        path = metadata.get("model_path")
        if relation is None:
            # A worker of an earlier version, or one that stopped answering right after the start.
            return f"model {path or 'as the worker chooses'}: its relation to these bars is not known yet"
        return f"model {path}: {relation}" if path else f"model: {relation} (rules decide)"

    @classmethod
    def doubts(cls, metadata: Mapping[str, Any]) -> list[str]:
        """Return a sentence for each cost that was most likely meant in percent."""
        rates = [metadata.get(name) for name in ("commission", "slippage")]
        commission, slippage = (float(rate) if isinstance(rate, int | float) else 0.0 for rate in rates)
        return cost_doubts(commission, slippage)


class BacktestResults(BaseModel):
    """The numbers of one run.

    Ratios are fractions, money is in account currency, an undefined value is None with its reason in `notes`.
    `market` names the calendar that days were counted by; `market_inferred` says that nobody has told it.
    `model_relation` says whether the model has seen these bars, `notes` which and when; `model_beats_majority` whether
    it is better than a constant answer on its validation part, None for rules.
    Buying and holding begins at the open of the bar `buy_and_hold_start`, the first at which the strategy could have
    bought; None where there is none.
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
    buy_and_hold_sharpe_ratio: float | None
    buy_and_hold_max_drawdown: float | None
    buy_and_hold_start: str | None
    bars: int
    warmup_bars: int
    first_bar: str
    last_bar: str
    annualization: int
    market: str
    market_inferred: bool
    model_relation: ModelRelation
    model_beats_majority: bool | None
    notes: tuple[str, ...] = ()
    provenance: Provenance
    partial: bool = False
    tables: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude=True, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the results as plain JSON data; `partial` only when true, `model_beats_majority` only of a model."""
        data = self.model_dump(mode="json")
        if not self.partial:
            del data["partial"]
        if self.model_relation is ModelRelation.NONE:
            del data["model_beats_majority"]
        return data
