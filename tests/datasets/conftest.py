from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.service import DataLoadingService, default_sources
from ktrdr_engine.datasets.sources.finding import Sources
from ktrdr_engine.operations.models import Operation
from ktrdr_engine.operations.service import OperationsService
from tests.datasets.prices import DAY, MONDAY

NOW = MONDAY + 400 * DAY
SourcesOf = Callable[[Path, BarStore], Sources]


class Lab:
    """A service that loads into a home of its own."""

    def __init__(self, home: Path, operations: OperationsService, sources: SourcesOf) -> None:
        self.home = home
        self.operations = operations
        self.bars = BarStore((home, shipped_root()))
        self.now = NOW
        self.service = DataLoadingService(
            operations, home=home, bars=lambda: self.bars, sources=sources, now=lambda: self.now
        )

    async def load(self, **arguments: Any) -> Operation:
        request = LoadRequest.parse({"symbol": "TEST", "timeframe": "1h", "source": "file", **arguments})
        operation_id = await self.service.load_data(request)
        return await self.operations.get_operation(operation_id, wait_seconds=15)

    async def loaded(self, **arguments: Any) -> dict[str, Any]:
        operation = await self.load(**arguments)
        assert operation.status == "COMPLETED", operation.error
        assert operation.results is not None
        return operation.results


Labs = Callable[..., AbstractAsyncContextManager[Lab]]


@pytest.fixture
def open_lab(tmp_path: Path) -> Labs:
    @asynccontextmanager
    async def opened(sources: SourcesOf = default_sources) -> AsyncIterator[Lab]:
        async with OperationsService() as operations:
            yield Lab(tmp_path / "home", operations, sources)

    return opened


@pytest.fixture
async def lab(open_lab: Labs) -> AsyncIterator[Lab]:
    async with open_lab() as made:
        yield made
