"""What is answered, as frozen models; each field costs a client context, so there are few. Light to import."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class StrategyRow(_Frozen):
    """One strategy in a list; a file that cannot be used has a `problem` and hardly anything else."""

    name: str
    version: str = ""
    description: str = ""
    timeframes: str = ""
    model_type: str = ""
    source: str
    newest_model: str | None = None
    problem: str | None = None


class StrategyPage(_Frozen):
    """Strategies by name; `total` counts all, `returned` those on this page."""

    strategies: tuple[StrategyRow, ...]
    total: int
    returned: int


class StrategyText(_Frozen):
    """A strategy as written and in plain words; `versions` are the sha256 of texts that were replaced."""

    name: str
    source: str
    sha256: str
    yaml: str
    summary: str
    features: int
    versions: tuple[str, ...]


class SavedStrategy(_Frozen):
    """What was written, and what it replaced."""

    strategy_config_path: str
    sha256: str
    previous_sha256: str | None
    shadows_shipped: bool
    summary: str


class TrashRow(_Frozen):
    """One thing in the trash: `why` it is there, and since `when`."""

    id: str
    kind: str
    name: str
    when: str
    why: str


class LibraryReply(_Frozen):
    """What was done; `entries` are those made by it, or those listed.

    `next` is what to ask for next, as arguments: how to undo it, if that can be done.
    """

    message: str
    entries: tuple[TrashRow, ...]
    total: int
    returned: int
    next: dict[str, Any]


class Mistake(_Frozen):
    """One mistake in a strategy file; `written` is the value as the file writes it, `line` 0 where there is none."""

    path: str
    value: Any
    written: str = ""
    line: int = 0
    problem: str
    repair: str

    @property
    def sentence(self) -> str:
        """Return the mistake as a line for people and models."""
        value, place = f" = {self.written}" if self.written else "", f" (line {self.line})" if self.line else ""
        return f"{self.path or 'the text'}{value}{place}: {self.problem}. {self.repair}".rstrip()


class StrategyCheck(_Frozen):
    """What is wrong with a strategy, or what it resolves to.

    `trained` says whether its kind of model has weights that training sets.
    `errors` and `features` are cut where they are endless; `mistakes` and `n_features` count all of them. `models` fit
    its features; `datasets` are the prices there are for its symbols.
    """

    valid: bool
    mistakes: int = 0
    errors: tuple[Mistake, ...] = ()
    summary: str = ""
    n_features: int = 0
    features: tuple[str, ...] = ()
    warmup_bars: int = 0
    trained: bool = True
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


class ModelRow(_Frozen):
    """One model in a list; accuracies are those of its test split, `majority_accuracy` that of always saying the same.

    `validation` and `test` are the first and last day of the rows of these splits; `read_to` is the last bar that
    training or the choice of the epoch read, labels' reach included: later ones are out of sample.
    `strategy_state` says whether the strategy file is still the one it was trained for; `partial` that its training was
    cancelled, so that no backtest takes it unless it is named.
    """

    name: str
    strategy: str = ""
    symbols: str = ""
    timeframes: str = ""
    trained_from: str = ""
    trained_to: str = ""
    read_to: str = ""
    validation: str = ""
    test: str = ""
    test_accuracy: float | None = None
    majority_accuracy: float | None = None
    created_at: str = ""
    source: str
    strategy_state: str = ""
    partial: bool = False
    problem: str | None = None


class ModelPage(_Frozen):
    """Models by name; `total` counts all, `returned` those on this page."""

    models: tuple[ModelRow, ...]
    total: int
    returned: int


class IndicatorPage(_Frozen):
    """Indicators and membership functions: one line each, or one in full."""

    indicators: tuple[dict[str, Any], ...]
    memberships: tuple[dict[str, Any], ...]


class ComparedNumber(_Frozen):
    """One number of all operations, in their order; `best` is the place of the best, from 0.

    Where it says how well a run did, only runs whose numbers can be judged are asked.
    """

    name: str
    values: tuple[Any, ...]
    best: int | None


class Comparison(_Frozen):
    """Results side by side.

    Attributes:
        numbers: Those that any of them has.
        differences: Per field of the request or the provenance that is not the same everywhere, its values.
        same: Per thing whose hash is in the provenance (data, strategy, model): whether all used the same, or none.
        model_relations: Of each, what its model has to do with its bars; None where that is not known.
        warnings: Why the numbers cannot simply be put against each other.
    """

    operation_ids: tuple[str, ...]
    numbers: tuple[ComparedNumber, ...]
    differences: dict[str, tuple[Any, ...]]
    same: dict[str, bool]
    model_relations: tuple[str | None, ...] = ()
    warnings: tuple[str, ...]
