from __future__ import annotations

from typing import Any

import pytest

from ktrdr_engine.authoring.comparison import check_ids, compare, doubts_of, stored_backtests
from ktrdr_engine.authoring.replies import ComparedNumber, Comparison
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, utc_now
from ktrdr_engine.operations.service import OperationsService

REQUEST: dict[str, Any] = {"symbol": "EURUSD", "timeframe": "1h", "commission": 0.001, "model_path": "models/a.pt"}
RESULTS: dict[str, Any] = {
    "total_return": 0.02,
    "max_drawdown": 0.1,
    "sharpe_ratio": None,
    "total_trades": 40,
    "exposure": 0.5,
    "first_bar": "2017-01-02T00:00:00Z",
    "last_bar": "2017-12-29T21:00:00Z",
    "model_relation": "out_of_sample",
    "model_beats_majority": True,
    "notes": ["a note"],
    "provenance": {"data_sha256": "d1", "model_sha256": "m1", "engine_version": "1", "seed": 7},
}


def operation(number: int, results: dict[str, Any] | None = None, **more: Any) -> Operation:
    now = utc_now()
    values: dict[str, Any] = {
        "operation_id": f"op_backtest_20250103_aaaaaaaaa{'abcdefghij'[number]}",
        "operation_type": OperationType.BACKTESTING,
        "status": OperationStatus.COMPLETED,
        "metadata": REQUEST,
        "results": RESULTS | (results or {}),
        "created_at": now,
        "updated_at": now,
    }
    return Operation(**(values | more))


def number(found: Comparison, name: str) -> ComparedNumber:
    return next(one for one in found.numbers if one.name == name)


def test_numbers_stand_side_by_side_as_in_the_results() -> None:
    found = compare([operation(0), operation(1, {"total_return": 0.05, "sharpe_ratio": 1.5})])
    assert number(found, "total_return").values == (0.02, 0.05)
    assert number(found, "sharpe_ratio").values == (None, 1.5)
    assert found.operation_ids == (operation(0).operation_id, operation(1).operation_id)


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("total_return", (0.02, 0.05), 1),
        ("max_drawdown", (0.2, 0.3), 0),
        ("total_trades", (5, 9), None),
        ("total_return", (0.02, 0.02), None),
        ("sharpe_ratio", (None, 1.0), None),
    ],
)
def test_the_best_is_marked_where_one_direction_is_better(name: str, values: tuple[Any, Any], best: int | None) -> None:
    assert number(compare([operation(i, {name: value}) for i, value in enumerate(values)]), name).best == best


def test_an_unknown_value_is_never_the_best_of_three() -> None:
    results = [{"sharpe_ratio": value} for value in (0.5, None, 1.0)]
    assert number(compare([operation(i, one) for i, one in enumerate(results)]), "sharpe_ratio").best == 2


def test_what_was_asked_and_used_differently_is_told() -> None:
    other = operation(1, {"provenance": RESULTS["provenance"] | {"model_sha256": "m2", "seed": 8}})
    other = other.model_copy(update={"metadata": REQUEST | {"model_path": "models/b.pt", "note": "x"}})
    found = compare([operation(0), other])
    assert found.differences == {"model_path": ("models/a.pt", "models/b.pt"), "note": (None, "x"), "seed": (7, 8)}
    assert found.same == {"data": True, "model": False}
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("results", "more", "warning"),
    [
        ({"partial": True}, {"status": OperationStatus.CANCELLED}, "Partial"),
        ({"last_bar": "2017-06-30T21:00:00Z"}, {}, "Not the same range: last_bar."),
        ({}, {"metadata": REQUEST | {"commission": 0.0}}, "Not the same costs or capital: commission."),
        ({}, {"metadata": REQUEST | {"symbol": "SPX"}}, "Not the same market: symbol."),
        ({}, {"operation_type": OperationType.TRAINING}, "different kinds"),
    ],
)
def test_what_makes_a_comparison_unfair_is_a_warning(
    results: dict[str, Any], more: dict[str, Any], warning: str
) -> None:
    (said,) = compare([operation(0), operation(1, results, **more)]).warnings
    assert warning in said


DOUBTFUL: list[dict[str, Any]] = [
    {"model_relation": "in_sample"},
    {"model_relation": "trained_after"},
    {"total_trades": 29},
    {"exposure": 0.95},
    {"model_beats_majority": False},
]


@pytest.mark.parametrize("doubtful", DOUBTFUL, ids=[next(iter(one)) + str(i) for i, one in enumerate(DOUBTFUL)])
def test_a_run_that_says_little_is_named_and_never_the_best(doubtful: dict[str, Any]) -> None:
    operations = [operation(i, {"total_return": 0.01 * i}) for i in range(2)]
    worst, best = number(compare(operations), "total_return").values
    found = compare([*operations, operation(2, {"total_return": 9.0} | doubtful)])
    assert number(found, "total_return").values == (worst, best, 9.0)
    assert number(found, "total_return").best == 1
    assert doubts_of(operation(2, doubtful))
    assert operation(2).operation_id in found.warnings[0]
    assert operation(0).operation_id not in found.warnings[0]


@pytest.mark.parametrize("doubtful", DOUBTFUL)
def test_of_two_runs_one_of_which_says_little_none_is_the_best(doubtful: dict[str, Any]) -> None:
    found = compare([operation(0), operation(1, {"total_return": 9.0} | doubtful)])
    assert [one.best for one in found.numbers] == [None] * len(found.numbers)


def test_not_even_what_was_paid_is_marked_where_none_can_be_judged() -> None:
    found = compare([operation(i, {"total_commission": 5.0 - i, "model_relation": "in_sample"}) for i in range(2)])
    assert number(found, "total_commission").best is None


@pytest.mark.parametrize("fair", [{"total_trades": 30}, {"exposure": 0.94}, {"model_beats_majority": None}])
def test_just_enough_is_no_doubt(fair: dict[str, Any]) -> None:
    assert doubts_of(operation(0, fair)) == []


def test_the_relation_of_each_run_stands_beside_its_numbers() -> None:
    old = {name: value for name, value in RESULTS.items() if name not in ("model_relation", "model_beats_majority")}
    rules = old | {"in_sample": False, "provenance": {"model_sha256": None}}
    runs = [
        operation(0),
        operation(1, {"model_relation": "other_symbol"}),
        operation(2).model_copy(update={"results": old | {"in_sample": True}}),
        operation(3).model_copy(update={"results": old | {"in_sample": False}}),
        operation(4).model_copy(update={"results": rules}),
    ]
    assert compare(runs).model_relations == ("out_of_sample", "other_symbol", "in_sample", None, "none")


def test_two_runs_of_rules_have_no_other_model() -> None:
    rules = {"provenance": RESULTS["provenance"] | {"model_sha256": None}, "model_relation": "none"}
    assert compare([operation(0, rules), operation(1, rules)]).same["model"] is True
    assert compare([operation(0, rules), operation(1)]).same["model"] is False


def test_the_best_of_many_tries_is_called_partly_luck() -> None:
    assert "luck" in compare([operation(i) for i in range(3)]).warnings[-1]


async def test_tries_are_counted_over_all_that_is_stored() -> None:
    async with OperationsService() as service:
        for place in range(7):
            symbol = "SPX" if place == 6 else "EURUSD"
            made = await service.create_operation(OperationType.BACKTESTING, REQUEST | {"symbol": symbol})
            await service.complete_operation(made.operation_id, dict(RESULTS))
        await service.create_operation(OperationType.BACKTESTING, REQUEST)
        runs = [operation(0), operation(1), operation(2, metadata=REQUEST | {"symbol": "SPX"})]
        assert await stored_backtests(service, runs) == {"EURUSD 1h": 6, "SPX 1h": 1}
        assert await stored_backtests(service, [operation(0, operation_type=OperationType.TRAINING)]) == {}


def test_a_comparison_says_how_many_are_stored() -> None:
    runs = [operation(0), operation(1)]
    found = compare(runs, {"EURUSD 1h": 60})
    assert "60 backtests of EURUSD 1h" in found.warnings[-1]
    assert compare(runs, {"EURUSD 1h": 2}).warnings == ()


def test_trainings_are_compared_by_their_nested_numbers() -> None:
    def training(i: int, accuracy: float, loss: float) -> Operation:
        results = {"test": {"accuracy": accuracy, "loss": loss, "confusion": [[1]], "range": {"start": "x"}}}
        return operation(i, operation_type=OperationType.TRAINING).model_copy(update={"results": results})

    found = compare([training(0, 0.5, 1.1), training(1, 0.6, 1.2)])
    assert [one.name for one in found.numbers] == ["test.accuracy", "test.loss"]
    assert [one.best for one in found.numbers] == [1, 0]
    assert found.same == {}


@pytest.mark.parametrize("status", [OperationStatus.RUNNING, OperationStatus.PENDING, OperationStatus.FAILED])
def test_an_operation_without_results_is_refused_by_id_and_status(status: OperationStatus) -> None:
    unfinished = operation(1).model_copy(update={"status": status, "results": None})
    with pytest.raises(InvalidRequest) as refused:
        compare([operation(0), unfinished])
    assert f"{unfinished.operation_id} is {status}" in refused.value.message


@pytest.mark.parametrize("ids", [[], ["a"], ["a"] * 2, [str(i) for i in range(11)]])
def test_what_is_no_comparison_is_refused(ids: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        check_ids(ids)
