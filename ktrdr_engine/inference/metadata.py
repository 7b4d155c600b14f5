"""What a model file says about its network, as one frozen tree of plain values.

No torch and no strategy schema here: the strategy travels as the mapping it was written as. The file's bytes are
`archive`'s matter.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from ktrdr_engine.bars.dates import parse_stamp
from ktrdr_engine.features.plan import FeaturePlan
from ktrdr_engine.inference.digest import check_digest

CLASSES: Final = ("BUY", "HOLD", "SELL")
"""What the three logits stand for, in order."""

_MOST_STEPS: Final = 255

Activation = Literal["relu", "leaky_relu", "gelu", "tanh", "sigmoid"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Architecture(_Frozen):
    """A fully connected network between the features and the three logits."""

    type: Literal["mlp"] = "mlp"
    hidden_layers: tuple[Annotated[int, Field(ge=1, le=2048)], ...] = Field(max_length=16)
    activation: Activation
    dropout: float = Field(ge=0, lt=1)


class RecurrentArchitecture(_Frozen):
    """An LSTM or GRU over the lags of the features, oldest first, whose last state goes to the three logits."""

    type: Literal["lstm", "gru"]
    hidden_size: int = Field(ge=1, le=512)
    num_layers: int = Field(ge=1, le=4)
    dropout: float = Field(ge=0, lt=1)


def _kind(architecture: object) -> str:
    type = architecture.get("type", "mlp") if isinstance(architecture, dict) else getattr(architecture, "type", "mlp")
    return "mlp" if type == "mlp" else "recurrent"


AnyArchitecture = Architecture | RecurrentArchitecture
_Tagged = Annotated[
    Annotated[Architecture, Tag("mlp")] | Annotated[RecurrentArchitecture, Tag("recurrent")], Discriminator(_kind)
]


class Normalization(_Frozen):
    """What is done to each feature first: `(x - shift) * scale`; fuzzy degrees have 0 and 1."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]


def _instant(text: str) -> str:
    parse_stamp(text)
    return text


Instant = Annotated[str, AfterValidator(_instant)]


def _finite(value: dict[str, Any]) -> dict[str, Any]:
    # JSON text may hold NaN, which no reply can: refused where the file is read, not where it is shown.
    json.dumps(value, allow_nan=False)
    return value


Plain = Annotated[dict[str, Any], AfterValidator(_finite)]
"""What JSON can say, numbers all finite."""


class TimeRange(_Frozen):
    """First and last bar, ISO-8601 UTC, both included."""

    start: Instant
    end: Instant


class ReadBars(_Frozen):
    """What training read of one symbol: to settle indicators, as rows, as the reach of labels, to choose the epoch.

    Attributes:
        symbol: Under which name.
        start: The first bar of any timeframe, ISO-8601 UTC.
        end: The last bar of the shortest timeframe.
        digest: Of the returns of these bars by month, as `digest.make_digest` makes it.
    """

    symbol: str
    start: Instant
    end: Instant
    digest: Annotated[str, Field(max_length=4_000_000), AfterValidator(check_digest)]


class SplitMetrics(_Frozen):
    """How the network classifies the rows of one split.

    Attributes:
        rows: Labelled rows in the split, purged ones left out.
        range: Their first and last bar; None when there are no rows.
        loss: Mean cross entropy, without class weights; None when there are no rows.
        accuracy: Share of rows whose most probable class is their label.
        majority_baseline: The accuracy of always answering the split's most frequent label.
        recall: Per class, the share of its rows that were recognised; None for a class that does not occur.
        confusion: Counts, row = label, column = answer, both in the order of `CLASSES`.
    """

    rows: int
    range: TimeRange | None
    loss: float | None
    accuracy: float | None
    majority_baseline: float | None
    recall: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]


class ModelMetadata(_Frozen):
    """Everything about a model but its weights.

    Attributes:
        strategy: The whole strategy, as `StrategyConfig` reads it.
        strategy_sha256: Of the strategy file's bytes.
        feature_plan: How the features are computed; `feature_names` are its names in order.
        normalization: Fitted on the training rows only.
        symbols: What it was trained on.
        timeframes: The bar sizes it was trained on.
        training_range: The bars whose rows set the weights, first to last.
        read_bars: All bars that were read to set or to choose the weights, by symbol; empty in files of versions that
            did not keep it.
        labels: The label settings.
        metrics: Per split: train, validation, test.
        epochs_run: Epochs until early stopping.
        best_epoch: The epoch whose weights were kept, counted from 1.
        partial: Whether the training was cancelled; such a model is used only by its name.
        versions: Of Python and of the libraries that set the weights.
        created_at: ISO-8601 UTC; the only thing that differs between two builds of the same weights.
    """

    strategy: Plain
    strategy_name: str
    strategy_sha256: str
    feature_plan: FeaturePlan
    feature_names: tuple[str, ...] = Field(min_length=1, max_length=4096)
    architecture: _Tagged
    normalization: Normalization
    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    training_range: TimeRange
    read_bars: tuple[ReadBars, ...] = ()
    labels: Plain
    metrics: dict[str, SplitMetrics]
    epochs_run: int
    best_epoch: int
    seed: int
    partial: bool = False
    versions: dict[str, str]
    created_at: Instant

    @model_validator(mode="after")
    def _sizes_agree(self) -> ModelMetadata:
        sizes = {len(self.feature_names), len(self.normalization.shift), len(self.normalization.scale)}
        if len(sizes) != 1:
            raise ValueError("feature_names, normalization.shift and normalization.scale differ in length")
        plan = self.feature_plan
        # Counted first: the names of a plan with a billion lags are better not spelled out.
        if len(self.feature_names) != len(plan.base_names) * (plan.lags + 1) or self.feature_names != plan.names:
            raise ValueError("feature_names are not those of feature_plan")
        if self.architecture.type != "mlp" and plan.lags > _MOST_STEPS:
            raise ValueError(f"a sequence may have {_MOST_STEPS} lags, not {plan.lags}")
        return self
