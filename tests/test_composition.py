from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import QueueFull, WorkerUnavailable
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.models import ErrorInfo, Operation, OperationType
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.settings import Settings
from tests.operations.work import InMemoryProxy


class Opened(Protocol):
    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[OperationsService]: ...


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    monkeypatch.chdir(tmp_path)

    @asynccontextmanager
    async def service_with(**settings: Any) -> AsyncIterator[OperationsService]:
        async with open_application(Settings(ktrdr_home=tmp_path / "home", **settings)) as application:
            yield application.operations

    return service_with


async def _create(service: OperationsService, **options: Any) -> Operation:
    return await service.create_operation(OperationType.TRAINING, {}, kind_word="training", **options)


async def _running(service: OperationsService) -> ProgressBridge:
    bridge = ProgressBridge((await _create(service)).operation_id)
    service.register_local_bridge(bridge.operation_id, bridge)
    return bridge


async def _error(service: OperationsService, operation_id: str) -> ErrorInfo | None:
    return (await service.get_operation(operation_id, force_refresh=True)).error


@pytest.mark.parametrize(("seconds", "step"), [(0, 2), (3600, 1)])
async def test_a_state_stays_fresh_for_as_long_as_is_set(opened: Opened, seconds: float, step: int) -> None:
    async with opened(operations_cache_ttl=seconds) as service:
        bridge = await _running(service)
        bridge.update(1, 10)
        await service.get_operation(bridge.operation_id)
        bridge.update(2, 10)
        assert (await service.get_operation(bridge.operation_id)).progress.current_step == step


async def test_as_many_operations_run_and_wait_as_is_set(opened: Opened) -> None:
    async with opened(ktrdr_max_concurrent_operations=1, ktrdr_max_queued_operations=1) as service:
        assert service.load.capacity == 1
        await _create(service)
        await _create(service)
        with pytest.raises(QueueFull):
            await _create(service)


async def test_work_without_progress_is_stuck_after_as_long_as_is_set(opened: Opened) -> None:
    async with opened(ktrdr_stuck_after_seconds=1e-9) as service:
        bridge = await _running(service)
        await service.get_operation(bridge.operation_id, wait_seconds=0.01)
        error = await _error(service, bridge.operation_id)
        assert error is not None
        assert error.code == "stuck"


@pytest.mark.parametrize(("seconds", "code"), [(0, "worker_lost"), (3600, None)])
async def test_a_silent_worker_is_lost_after_as_long_as_is_set(
    opened: Opened, seconds: float, code: str | None
) -> None:
    async with opened(ktrdr_worker_lost_after_seconds=seconds) as service, OperationsService() as worker:
        proxy = InMemoryProxy(worker)
        proxy.fails_with = WorkerUnavailable("gone")
        operation_id = (await _create(service, execution="remote")).operation_id
        service.register_remote_proxy("op_training_20250103_k3v9x2m7qa", proxy, operation_id)
        errors = [await _error(service, operation_id) for _ in range(8)]
        assert (errors[-1] and errors[-1].code) == code
