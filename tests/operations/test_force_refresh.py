from __future__ import annotations

from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.models import OperationType
from ktrdr_engine.operations.service import OperationsService
from tests.operations.serving import app_over, proxy_to
from tests.operations.work import Clock


async def test_a_forced_look_passes_the_caches_of_both_sides_and_another_does_not(clock: Clock) -> None:
    async with (
        OperationsService(cache_ttl=60, clock=clock) as worker,
        proxy_to(app_over(worker)) as proxy,
        OperationsService(cache_ttl=0, clock=clock) as service,
    ):
        there = await worker.create_operation(OperationType.TRAINING, {}, kind_word="training")
        bridge = ProgressBridge(there.operation_id)
        worker.register_local_bridge(there.operation_id, bridge)
        bridge.update(1, 10)
        await worker.get_operation(there.operation_id)
        bridge.update(5, 10)
        here = await service.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        service.register_remote_proxy(there.operation_id, proxy, here.operation_id)
        assert (await service.get_operation(here.operation_id)).progress.current_step == 1
        assert (await service.get_operation(here.operation_id, force_refresh=True)).progress.current_step == 5
