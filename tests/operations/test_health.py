from __future__ import annotations

import pytest

from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import OperationStatus

_HEALTH = HealthService(stuck_after_seconds=100, lost_after_seconds=60, max_failed_pulls=3)


@pytest.mark.parametrize("status", [OperationStatus.RUNNING, OperationStatus.CANCELLING])
def test_work_without_progress_beyond_the_limit_is_stuck_and_the_limit_is_named(status: OperationStatus) -> None:
    verdict = _HEALTH.assess(100.5, status)
    assert verdict is not None
    assert verdict.code == "stuck"
    assert "100 s" in verdict.message
    assert "KTRDR_STUCK_AFTER_SECONDS" in verdict.message


def test_work_at_the_limit_is_well() -> None:
    assert _HEALTH.assess(100.0, OperationStatus.RUNNING) is None


@pytest.mark.parametrize("status", [OperationStatus.PENDING, OperationStatus.COMPLETED])
def test_what_does_not_run_is_never_stuck(status: OperationStatus) -> None:
    assert _HEALTH.assess(1e9, status) is None


@pytest.mark.parametrize(("failures", "seconds", "code"), [(2, 1e9, None), (99, 60.0, None), (3, 60.1, "worker_lost")])
def test_a_worker_is_lost_only_after_enough_failures_and_enough_time(
    failures: int, seconds: float, code: str | None
) -> None:
    verdict = _HEALTH.assess_lost(failures, seconds)
    assert (verdict and verdict.code) == code
