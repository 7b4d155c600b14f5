from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest

from ktrdr_engine.errors import EngineError
from ktrdr_engine.operations.models import (
    Operation,
    OperationStatus,
    OperationType,
    is_operation_id,
    new_operation_id,
    to_json,
)

_NOW = datetime(2025, 1, 3, 12, 30, tzinfo=UTC)


def test_ids_name_kind_and_day_and_cannot_be_guessed() -> None:
    ids = {new_operation_id("data_loading", _NOW) for _ in range(100)}
    assert len(ids) == 100
    assert all(is_operation_id(one) and one.startswith("op_data_loading_20250103_") for one in ids)


@pytest.mark.parametrize(
    "text", ["", "../../etc/passwd", "op_x_20250103_AAAAAAAAAA", "op_x_20250103_aaaaaaaaaa/..", "x" * 9999]
)
def test_what_could_lead_out_of_a_folder_is_no_id(text: str) -> None:
    assert not is_operation_id(text)


def test_only_the_last_three_statuses_are_final() -> None:
    assert [status for status in OperationStatus if status.is_final] == ["COMPLETED", "FAILED", "CANCELLED"]


def test_an_operation_reads_as_the_contract_says() -> None:
    operation = Operation(
        operation_id="op_backtest_20250103_k3v9x2m7qa",
        operation_type=OperationType.BACKTESTING,
        status=OperationStatus.PENDING,
        created_at=_NOW,
        updated_at=_NOW,
    )
    assert json.loads(operation.model_dump_json()) == {
        "operation_id": "op_backtest_20250103_k3v9x2m7qa",
        "operation_type": "BACKTESTING",
        "status": "PENDING",
        "progress": {"percentage": 0.0, "message": "", "current_step": 0, "total_steps": 0, "context": {}},
        "metadata": {},
        "results": None,
        "error": None,
        "warnings": [],
        "stale": False,
        "execution": "local",
        "created_at": "2025-01-03T12:30:00Z",
        "started_at": None,
        "updated_at": "2025-01-03T12:30:00Z",
        "completed_at": None,
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, {"deep": [-math.inf]}, object(), {1: {2}}])
def test_json_is_refused_for_what_is_not_json(value: object) -> None:
    with pytest.raises(EngineError, match="cannot be written as JSON"):
        to_json(value)


def test_json_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(EngineError):
        to_json(loop)
