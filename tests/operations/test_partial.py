"""Work that fails may hand over what it had done before."""

from __future__ import annotations

from ktrdr_engine.errors import EngineError
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService


def _fail_half_way(_: ProgressBridge, __: CancellationToken) -> Outcome:
    error = EngineError("Half way.")
    error.partial = Outcome({"half": 21})
    raise error


async def test_failed_work_keeps_what_it_had_and_marks_it_partial() -> None:
    async with OperationsService() as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
        service.run_local(operation.operation_id, _fail_half_way, ProgressBridge(operation.operation_id))
        ended = await service.get_operation(operation.operation_id, wait_seconds=10)
    assert ended.status is OperationStatus.FAILED
    assert ended.results == {"half": 21, "partial": True}
    assert ended.error is not None
    assert ended.error.message == "Half way."
