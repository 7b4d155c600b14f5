"""The one place that wires services together. Nothing else constructs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr_engine.backtesting.service import BacktestingService
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from ktrdr_engine.settings import Settings

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.strategy.library import StrategyLibrary


class Application:
    """Everything a deployable serves. Libraries are imported when they are first used."""

    def __init__(self, settings: Settings, operations: OperationsService) -> None:
        self.settings = settings
        self.operations = operations
        self.backtesting = BacktestingService(
            operations,
            strategies=lambda: self.strategies,
            models=lambda: self.models,
            bars=lambda: self.bars,
            use_remote=settings.use_remote_backtest_service,
        )

    @cached_property
    def strategies(self) -> StrategyLibrary:
        """The user's strategies and the shipped ones."""
        from ktrdr_engine.strategy.library import StrategyLibrary

        return StrategyLibrary(self._roots)

    @cached_property
    def models(self) -> ModelLibrary:
        """The user's models and the shipped ones."""
        from ktrdr_engine.inference.library import ModelLibrary

        return ModelLibrary(self._roots)

    @cached_property
    def bars(self) -> BarStore:
        """The user's prices and the shipped ones."""
        from ktrdr_engine.bars.store import BarStore

        return BarStore(self._roots)

    @property
    def _roots(self) -> tuple[Path, ...]:
        return (self.settings.ktrdr_home, shipped_root())


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncIterator[Application]:
    """Open the application of this process; on the way out, cancel what runs and record that."""
    service = OperationsService(
        OperationStore(settings.ktrdr_home),
        cache_ttl=settings.operations_cache_ttl,
        max_concurrent=settings.ktrdr_max_concurrent_operations,
        max_queued=settings.ktrdr_max_queued_operations,
        health=HealthService(settings.ktrdr_stuck_after_seconds),
    )
    async with service as operations:
        yield Application(settings, operations)
