"""What a strategy file may hold: every section, field, range and default, strict and frozen.

The names are those of KTRDR strategy files, version 3. Ranges of indicator parameters and membership functions come
from `features.registry`. What sections say of each other is checked in `references`; use `loader` to get both.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final, Literal, Self

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import did_you_mean
from ktrdr_engine.features.plan import FeaturePlan
from ktrdr_engine.features.registry import MEMBERSHIPS
from ktrdr_engine.rules import conditions
from ktrdr_engine.strategy.planning import feature_plan, planned_rules
from ktrdr_engine.symbols import canonical_symbol

FRACTION: Final = "fraction"
"""Marks a number that people like to write in percent."""

_SETTLING: Final = 10
"""Times its declared warm-up after which what an indicator began with weighs less than 1 in 8,000 (Wilder's average,
the slowest: (1 - 1/n) ** 9n). A model is trained on settled values and must be asked about such."""

WORD: Final = r"^[A-Za-z][A-Za-z0-9_]*$"

Word = Annotated[str, Field(pattern=WORD, max_length=60)]


def _checked_symbol(symbol: str) -> str:
    try:
        return canonical_symbol(symbol)
    except ValueError as error:
        raise _mistake(str(error), "Write it as list_datasets shows it.") from None


Ticker = Annotated[str, AfterValidator(_checked_symbol)]
Part = Annotated[float, Gt(0), Lt(1), FRACTION]
Layer = Annotated[int, Ge(1), Le(1024)]


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Section(BaseModel):
    """A mapping in the file: unknown keys, text for numbers, NaN and infinity are all refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Symbols(Section):
    """What the model is trained on: one symbol, or several."""

    mode: Literal["single", "multi_symbol"] = Field(examples=["single"], description="one symbol, or several")
    symbol: Ticker | None = Field(None, description="mode single only")
    symbols: Annotated[tuple[Ticker, ...], Field(strict=False)] = Field(
        (), alias="list", max_length=50, description="mode multi_symbol only; their rows are pooled for training"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the symbols in either mode."""
        return (self.symbol,) if self.symbol is not None else self.symbols


Length = Annotated[Timeframe, Field(strict=False)]


class Timeframes(Section):
    """The bars the strategy works on: those of one timeframe, or of several, of which it decides on the shortest."""

    mode: Literal["single", "multi_timeframe"] = Field(examples=["single"], description="one timeframe, or several")
    timeframe: Length | None = Field(None, description="mode single only")
    timeframes: Annotated[tuple[Length, ...], Field(strict=False)] = Field(
        (), alias="list", max_length=8, description="mode multi_timeframe only; each bar is seen from its close on"
    )
    base_timeframe: Length | None = Field(None, description="the shortest of list: the bars decided on")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the timeframes in either mode, shortest first: the first is decided on."""
        written = self.timeframes if self.timeframe is None else (self.timeframe,)
        return tuple(length.value for length in Timeframe if length in written)

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value}


class TrainingData(Section):
    """Symbols, timeframes, and how many bars before the first one wanted are read to settle the indicators.

    Each timeframe counts its own bars. Without `history_required` it is ten times their warm-up.
    """

    symbols: Symbols = Field(examples=["{mode: single, symbol: EURUSD}"], description="whose prices")
    timeframes: Timeframes = Field(
        examples=["{mode: single, timeframe: 1h}"], description="of what length its bars are"
    )
    history_required: int = Field(
        0, ge=0, le=100_000, description="bars read before the first one wanted; 0: ten times the warm-up"
    )


class Indicator(BaseModel):
    """An indicator of the registry; the keys beside `type` are its parameters."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Any]

    type: str = Field(examples=["rsi"], description="one of the indicators, as in its reference")

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters as written."""
        return dict(self.__pydantic_extra__)


class Membership(Section):
    """One membership function; `[a, b, c]` is short for triangular, `[a, b, c, d]` for trapezoidal."""

    type: str = Field(examples=["gaussian"], description="triangular, trapezoidal, gaussian or sigmoid")
    parameters: Annotated[tuple[float, ...], Field(strict=False)] = Field(
        examples=["[0, 20, 35]"], description="in units of the indicator"
    )

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            shapes = {3: "triangular", 4: "trapezoidal"}
            if len(value) not in shapes:
                raise _mistake(
                    f"a bare list has 3 numbers (triangular) or 4 (trapezoidal), not {len(value)}",
                    "For another function write {type: gaussian, parameters: [mean, sigma]}.",
                )
            return {"type": shapes[len(value)], "parameters": value}
        if not isinstance(value, dict | Membership):
            raise _mistake(
                "this is not a membership function; beside `indicator` a fuzzy set holds nothing else",
                "Give [a, b, c], [a, b, c, d] or {type: ..., parameters: [...]}.",
            )
        return value

    @model_validator(mode="after")
    def _fits_its_function(self) -> Self:
        if self.type not in MEMBERSHIPS:
            raise _mistake(
                f"there is no membership function {self.type!r}", did_you_mean(self.type, MEMBERSHIPS).strip()
            )
        if problem := MEMBERSHIPS[self.type].problem(self.parameters):
            raise _mistake(problem.problem, problem.repair)
        return self


class FuzzySet(BaseModel):
    """Membership functions over one output of an indicator; the keys beside `indicator` are their names."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Membership]

    indicator: str = Field(examples=["rsi_14"], description="its name above; of several outputs one: macd.histogram")

    @property
    def memberships(self) -> dict[str, Membership]:
        """Return the membership functions by name, as ordered in the file."""
        return dict(self.__pydantic_extra__)


class NnInput(Section):
    """One input of the network: a fuzzy set, or the raw value of an indicator."""

    fuzzy_set: str | None = Field(None, description="a fuzzy set: one feature for each of its membership functions")
    raw_indicator: str | None = Field(None, description="in place of fuzzy_set: the value of an indicator's output")
    normalization: Literal["minmax", "zscore", "none"] | None = Field(
        None, description="raw_indicator only; fitted on training rows and kept in the model"
    )
    timeframes: Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(_as_list)] = Field(
        ("all",), description="all, or some of training_data.timeframes"
    )


class Architecture(Section):
    """What stands between the features and the three logits."""

    hidden_layers: Annotated[tuple[Layer, ...], Field(strict=False)] = Field(
        (50, 25), min_length=1, max_length=8, description="mlp only"
    )
    activation: Literal["relu", "leaky_relu", "gelu", "tanh", "sigmoid"] = Field("relu", description="mlp only")
    hidden_size: int = Field(32, ge=1, le=512, description="lstm and gru only")
    num_layers: int = Field(1, ge=1, le=4, description="lstm and gru only")
    dropout: Annotated[float, Ge(0), Le(0.9), FRACTION] = Field(
        0.0, description="share of activations left out at random, in training only"
    )


_RECURRENT: Final = ("hidden_size", "num_layers", "dropout")

ARCHITECTURES: Final[dict[str, tuple[str, ...]]] = {
    "mlp": ("hidden_layers", "activation", "dropout"),
    "lstm": _RECURRENT,
    "gru": _RECURRENT,
}
"""Per type of network, the fields of its architecture."""


class Lags(Section):
    """How much of the past a row holds: lags 0 to `lookback_periods` of every input; for lstm and gru a sequence."""

    lookback_periods: int = Field(
        0, ge=0, le=50, description="bars of the shortest timeframe; lstm and gru need at least 1"
    )


class Rule(Section):
    """One rule of a `fuzzy_rules` model: what it asks of fuzzy sets, what it says, how much it counts."""

    condition: str = Field(
        alias="if",
        examples=['"rsi_zone is oversold and trend is rising"'],
        description="`SET is MEMBERSHIP`, joined by and, or, not and parentheses",
    )
    then: Literal["BUY", "HOLD", "SELL"] = Field(examples=["BUY"], description="what the rule speaks for")
    weight: Annotated[float, Gt(0), Le(1)] = Field(1.0, description="multiplies the degree of its condition")


class Model(Section):
    """What decides: a network and its shape, or rules (`fuzzy_rules`), which need no training."""

    type: Literal["mlp", "lstm", "gru", "fuzzy_rules"] = Field(
        examples=["mlp"], description="the first three are trained; rules are not"
    )
    architecture: Architecture = Field(Architecture(), description="networks only")
    features: Lags = Field(Lags(), description="networks only")
    norm: Literal["min_max", "product"] = Field("min_max", description="what and, or amount to; fuzzy_rules only")
    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = Field(
        (), max_length=100, description="fuzzy_rules only, which needs at least one"
    )

    @property
    def is_trained(self) -> bool:
        """Return whether it is a network, which needs a model file; rules need none."""
        return self.type in ARCHITECTURES

    @model_serializer(mode="wrap")
    def _of_its_type(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = dump(self)
        if not self.is_trained:
            return {key: written[key] for key in ("type", "norm", "rules")}
        shape = written["architecture"]
        architecture = {field: shape[field] for field in ARCHITECTURES[self.type]}
        return {"type": self.type, "architecture": architecture, "features": written["features"]}


class Filters(Section):
    """What keeps a decision from being acted on."""

    min_signal_separation: int = Field(0, ge=0, le=10_000, description="least bars since the last fill")


class Decisions(Section):
    """How probabilities become decisions."""

    output_format: Literal["classification"] = Field("classification", description="probabilities of BUY, HOLD, SELL")
    confidence_threshold: Annotated[float, Ge(0), Le(1), FRACTION] = Field(
        0.6, description="probability below which BUY and SELL become HOLD"
    )
    position_awareness: bool = Field(True, description="BUY while long and SELL while short are HOLD")
    allow_short_from_flat: bool = Field(
        False, description="SELL without a position opens a short; an opposite signal then reverses"
    )
    filters: Filters = Field(Filters(), description="when no signal is acted on")


class Execution(Section):
    """How decisions are filled; stops are fractions of the entry price."""

    position_fraction: Annotated[float, Gt(0), Le(1), FRACTION] = Field(
        1.0, description="share of the equity that an entry uses, commission included"
    )
    fractional_units: bool = Field(True, description="false: whole units only, rounded down")
    stop_loss: Part | None = Field(None, description="exit at this fraction against the entry price: 0.02 is 2 %")
    take_profit: Part | None = Field(None, description="exit at this fraction in favour of it")
    trailing_stop: Part | None = Field(None, description="exit at this fraction off the best price since the entry")


class Labels(Section):
    """What the network is taught: where the price goes within `lookahead` bars, by at least `threshold`."""

    source: Literal["zigzag", "forward_return", "triple_barrier"] = Field(
        "zigzag", description="next turning point, close after lookahead bars, or the first barrier touched"
    )
    threshold: Part = Field(0.03, description="move from this close that asks for BUY or SELL: 0.03 is 3 %")
    lookahead: int = Field(20, ge=1, le=10_000, description="most bars until then")


class DataSplit(Section):
    """The shares of the rows, by time, oldest first; they sum to 1."""

    train: Part = Field(0.7, description="teaches the weights")
    validation: Part = Field(0.15, description="chooses the best epoch")
    test: Part = Field(0.15, description="only judges: it teaches and chooses nothing")


class EarlyStopping(Section):
    """Stop after `patience` epochs in which the validation loss fell by less than `min_delta`."""

    patience: int = Field(15, ge=1, le=10_000, description="epochs")
    min_delta: float = Field(0.001, ge=0, le=1, description="of the validation loss")


class Training(Section):
    """How the model is trained."""

    labels: Labels = Field(Labels(), description="what is to be recognised")
    epochs: int = Field(100, ge=1, le=10_000, description="most passes over the training rows")
    learning_rate: float = Field(0.001, gt=0, le=1, description="of Adam")
    batch_size: int = Field(32, ge=1, le=65_536, description="rows a step")
    data_split: DataSplit = Field(DataSplit(), description="which rows teach, choose and judge")
    early_stopping: EarlyStopping | None = Field(EarlyStopping(), description="null: every epoch is run")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of weights, order and dropout: the same gives the same model")


class StrategyConfig(Section):
    """A whole strategy."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        max_length=100,
        examples=["my_strategy"],
        description="its models are named after it",
    )
    version: str = Field("1.0.0", min_length=1, max_length=40, description="in the names of its models, where semantic")
    description: str = Field("", max_length=4000, description="the idea, for whoever reads it")
    training_data: TrainingData = Field(
        examples=["{symbols: ..., timeframes: ...}"], description="which bars it is trained on and works on"
    )
    indicators: dict[Word, Indicator] = Field(
        min_length=1, max_length=100, examples=["{rsi_14: {type: rsi}}"], description="by names of your choice"
    )
    fuzzy_sets: dict[Word, FuzzySet] = Field({}, max_length=100, description="by names of your choice")
    nn_inputs: Annotated[tuple[NnInput, ...], Field(strict=False)] = Field(
        (), min_length=1, max_length=200, description="required for networks, left out for fuzzy_rules"
    )
    model: Model = Field(examples=["{type: mlp}"], description="what decides")
    decisions: Decisions = Field(Decisions(), description="when its answer is acted on")
    execution: Execution = Field(Execution(), description="how much is traded, and when a stop ends it")
    training: Training = Field(Training(), description="networks only")

    def feature_plan(self) -> FeaturePlan:
        """Return what to compute from bars.

        Raises:
            StrategyError: Sections contradict each other; never for a strategy that came from `loader`.
        """
        return feature_plan(self)

    def rules(self) -> tuple[conditions.Rule, ...]:
        """Return the rules that decide; none where a network does."""
        return planned_rules(self.model)

    def bars_before(self) -> int:
        """Return how many bars before the first one wanted are read, if there are as many, to settle the indicators."""
        plan = self.feature_plan()
        if plan.unsettled:
            return sys.maxsize
        return max(plan.warmup, self.training_data.history_required or _SETTLING * plan.warmup)

    def as_mapping(self) -> dict[str, Any]:
        """Return the strategy as `loader.check_mapping` reads it, defaults filled in."""
        trained_only = set() if self.model.is_trained else {"nn_inputs", "training"}
        return self.model_dump(mode="json", by_alias=True, exclude=trained_only)


def _mistake(problem: str, repair: str) -> PydanticCustomError:
    return PydanticCustomError("mistake", "{problem}", {"problem": problem, "repair": repair})
