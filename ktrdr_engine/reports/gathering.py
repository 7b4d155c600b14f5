"""Everything a report tells, found before a word of it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio.to_thread

from ktrdr_engine.charts.gathering import Subject, gather
from ktrdr_engine.reports.origins import ModelPart, StrategyPart, model_of, strategy_of

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.operations.service import OperationsService
    from ktrdr_engine.strategy.library import StrategyLibrary


class Libraries(Protocol):
    """What a report is made from; the application is one."""

    @property
    def operations(self) -> OperationsService:
        """The operations."""

    @property
    def bars(self) -> BarStore:
        """The prices."""

    @property
    def strategies(self) -> StrategyLibrary:
        """The strategies."""

    @property
    def models(self) -> ModelLibrary:
        """The models."""


class Material(NamedTuple):
    """An operation with all there is to tell of it."""

    subject: Subject
    strategy: StrategyPart
    model: ModelPart


async def gather_report(libraries: Libraries, operation_id: str) -> Material:
    """Return what there is to tell of an operation, whatever its kind and state.

    Raises:
        OperationNotFound: There is none.
        WorkerUnavailable: The worker that has its tables does not answer.
        StorageError: What is kept of it cannot be read.
    """
    subject = await gather(libraries.operations, lambda: libraries.bars, operation_id)
    operation = subject.operation
    strategy = await anyio.to_thread.run_sync(lambda: strategy_of(operation, libraries.strategies))
    model = await anyio.to_thread.run_sync(lambda: model_of(operation, libraries.models))
    return Material(subject, strategy, model)
