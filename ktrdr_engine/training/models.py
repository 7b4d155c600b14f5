"""What a training is asked and what it answers. Light to import: no arrays and no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ktrdr_engine.bars.dates import parse_range
from ktrdr_engine.fields import FirstDate, LastDate, StrategyPath, SymbolName
from ktrdr_engine.operations.requests import OperationRequest, refuse_booleans
from ktrdr_engine.provenance import Provenance
from ktrdr_engine.vocabulary import unknown_argument

# Short on purpose: what stands in a tool's schema costs every client context.
Symbols = Annotated[
    tuple[SymbolName, ...] | None,
    Field(min_length=1, max_length=50, description="Omit for the strategy's own"),
]
Timeframes = Annotated[
    tuple[Annotated[str, Field(max_length=8)], ...] | None,
    Field(min_length=1, max_length=8, description="The strategy's; may be left out"),
]
ModelName = Annotated[
    str | None,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", description="Begin of the file name; omit for the strategy's"),
]
Seed = Annotated[
    int | None,
    Field(ge=0, le=2**32 - 1, description="Omit for the strategy's"),
    BeforeValidator(refuse_booleans),
]


class TrainingRequest(OperationRequest):
    """One training, as asked for."""

    noun = "training"
    hints: ClassVar[Mapping[str, str]] = {"model_name": "such as rsi_2017; _v1.0.0.pt is added to it"}

    strategy_config_path: StrategyPath
    symbols: Symbols = None
    timeframes: Timeframes = None
    start_date: FirstDate
    end_date: LastDate
    model_name: ModelName = None
    seed: Seed = None

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


class Split(BaseModel):
    """How the model classifies one part of the rows, beside the constant answer that is right most often.

    Attributes:
        first_bar: Of the part, ISO-8601 UTC; so is `last_bar`.
        loss: Mean cross entropy, without class weights.
        majority: The most frequent label; `majority_baseline` is the accuracy of always giving it.
        labels: How many rows have each label.
        recall: Of the rows of each label, the share that was recognised; None for one that does not occur.
        confusion: Counts, row = label, column = answer: BUY, HOLD, SELL.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    first_bar: str
    last_bar: str
    loss: float
    accuracy: float
    majority: str
    majority_baseline: float
    labels: dict[str, int]
    recall: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]


class TrainingResults(BaseModel):
    """A trained model, and how good it is.

    Accuracies and baselines are fractions of the rows of a part; those of the test part, which taught nothing and
    chose nothing, are the ones to believe. `splits` holds the parts in full. `tables` holds the epochs as columns;
    it is stored beside the results, never inside them.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, protected_namespaces=())

    model_path: str
    strategy: str
    symbols: str
    timeframes: str
    train_accuracy: float
    train_majority_baseline: float
    validation_accuracy: float
    validation_majority_baseline: float
    test_accuracy: float
    test_majority_baseline: float
    train_rows: int
    validation_rows: int
    test_rows: int
    epochs_run: int
    best_epoch: int
    seed: int
    splits: dict[str, Split]
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
