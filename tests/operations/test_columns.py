"""Whole tables as columns, wherever they are kept."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from ktrdr_engine.errors import OperationConflict, StorageError
from ktrdr_engine.operations.models import OperationType, Outcome, Table
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Gate, InMemoryProxy, ended, start

COUNT = 10_001  # more than a worker sends at once
TABLE: Table = {
    "when": np.arange(COUNT).astype("datetime64[ns]"),
    "side": ["LONG"] * COUNT,
    "price": np.append(np.arange(COUNT - 1.0), np.nan),
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def _kept(kind: str, home: Path) -> AsyncIterator[tuple[OperationsService, str]]:
    """Yield a service and an operation whose tables are kept in memory, in files or on a worker."""
    work = Gate(Outcome({}, {"trades": TABLE, "none": {"price": np.array([])}}))
    work.open()
    archive = None if kind == "memory" else OperationStore(home)
    async with OperationsService() as worker:
        proxy = InMemoryProxy(worker)
        async with OperationsService(archive, connect=lambda _: proxy) as service:
            operation_id = await start(worker if kind == "remote" else service, work)
            if kind == "remote":
                here = await service.create_operation(OperationType.TRAINING, {}, execution="remote")
                service.register_remote_proxy(operation_id, proxy, here.operation_id)
                operation_id = here.operation_id
            await ended(service, operation_id)
            yield service, operation_id


@pytest.mark.parametrize("kind", ["memory", "files", "remote"])
async def test_a_table_is_read_whole_as_columns(kind: str, tmp_path: Path) -> None:
    async with _kept(kind, tmp_path) as (service, operation_id):
        columns = await service.get_operation_columns(operation_id, "trades")
        assert list(columns) == ["when", "side", "price"]
        assert list(columns["side"][:]) == ["LONG"] * COUNT
        prices = np.array(columns["price"][:], np.float64)
        assert prices[:-1].tolist() == list(range(COUNT - 1))
        assert math.isnan(prices[-1])
        empty = await service.get_operation_columns(operation_id, "none")
        assert sum(len(column) for column in empty.values()) == 0
        with pytest.raises(OperationConflict, match="no table"):
            await service.get_operation_columns(operation_id, "../results")


async def test_an_operation_that_runs_has_no_columns_yet() -> None:
    work = Gate()
    async with OperationsService() as service:
        operation_id = await start(service, work)
        await work.until_reached()
        with pytest.raises(OperationConflict, match="yet"):
            await service.get_operation_columns(operation_id, "trades")
        work.open()


async def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    async with _kept("files", tmp_path) as (service, operation_id):
        (tmp_path / "results" / operation_id / "trades.parquet").write_bytes(b"PAR1 and no more")
        with pytest.raises(StorageError, match=r"trades\.parquet"):
            await service.get_operation_columns(operation_id, "trades")
