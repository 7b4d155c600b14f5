"""The one place that wires services together. Nothing else constructs them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr_engine.authoring.shelves import Shelves
from ktrdr_engine.backtesting.service import BacktestingService
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.datasets.service import DataLoadingService
from ktrdr_engine.errors import DependencyError
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.sources import Worker
from ktrdr_engine.operations.starting import StartRoute
from ktrdr_engine.operations.store import OperationStore
from ktrdr_engine.operations.workers import Workers
from ktrdr_engine.settings import Settings
from ktrdr_engine.training.service import TrainingService

if TYPE_CHECKING:
    from ktrdr_engine.authoring.library import Library
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.strategy.library import StrategyLibrary

logger = logging.getLogger(__name__)

KINDS: tuple[type[ServiceOrchestrator[Any, Any, Any]], ...] = (BacktestingService, TrainingService, DataLoadingService)
"""Every kind of operation there is."""


class Application:
    """Everything a deployable serves. Libraries are imported when they are first used."""

    def __init__(
        self, settings: Settings, operations: OperationsService, workers: Workers, *, remark: str | None = None
    ) -> None:
        self.settings = settings
        self.operations = operations
        self.workers = workers
        self.backtesting = BacktestingService(
            operations,
            strategies=lambda: self.strategies,
            models=lambda: self.models,
            bars=lambda: self.bars,
            worker=self._worker(settings.use_remote_backtest_service, settings.remote_backtest_service_url),
        )
        self.training = TrainingService(
            operations,
            strategies=lambda: self.strategies,
            models=lambda: self.models,
            bars=lambda: self.bars,
            worker=self._worker(settings.use_remote_training_service, settings.remote_training_service_url),
            remark=remark,
        )
        self.datasets = DataLoadingService(
            operations,
            home=settings.ktrdr_home,
            bars=lambda: self.bars,
            worker=self._worker(settings.use_remote_data_service, settings.remote_data_service_url),
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

    def warm_up(self) -> None:
        """Load what the first run would otherwise wait for; blocks for seconds.

        A library that gives wrong numbers is logged: each start is refused with the same words, all else works.
        """
        from ktrdr_engine.backtesting.engine import warm_up
        from ktrdr_engine.inference.network import build_network
        from ktrdr_engine.training.trainer import gather

        try:
            warm_up()
        except DependencyError as error:
            logger.error("%s", error.message)
        _ = build_network, gather, self.strategies, self.models, self.bars

    @cached_property
    def library(self) -> Library:
        """What can be deleted and restored."""
        from ktrdr_engine.authoring.library import Library

        return Library(self.settings.ktrdr_home)

    @property
    def shelves(self) -> Shelves:
        """All three."""
        return Shelves(self.strategies, self.models, self.bars)

    @property
    def start_routes(self) -> tuple[StartRoute, ...]:
        """What can be started over HTTP."""
        return (self.backtesting.start_route, self.training.start_route, self.datasets.start_route)

    def _worker(self, is_remote: bool, url: str) -> Worker | None:
        return self.workers.at(url) if is_remote else None

    @property
    def _roots(self) -> tuple[Path, ...]:
        return (self.settings.ktrdr_home, shipped_root())


@asynccontextmanager
async def open_application(
    settings: Settings, *, state: Path | None = None, remark: str | None = None
) -> AsyncIterator[Application]:
    """Open the application of this process; on the way out, cancel what runs and record that.

    Args:
        settings: What the deployment says.
        state: Where operations are recorded, if not in `ktrdr_home`.
        remark: Said with every trained model.
    """
    token = settings.ktrdr_worker_token
    workers = Workers(settings.worker_urls, token.get_secret_value() if token else None)
    service = OperationsService(
        OperationStore(state or settings.ktrdr_home),
        cache_ttl=settings.operations_cache_ttl,
        max_concurrent=settings.ktrdr_max_concurrent_operations,
        max_queued=settings.ktrdr_max_queued_operations,
        health=HealthService(settings.ktrdr_stuck_after_seconds, settings.ktrdr_worker_lost_after_seconds),
        connect=workers.at,
        headlines={kind.operation_type: kind.headline for kind in KINDS},
        descriptions={kind.operation_type: kind.about for kind in KINDS},
    )
    service.tally.proxy_errors = workers.failures
    async with workers, service as operations:
        yield Application(settings, operations, workers, remark=remark)
