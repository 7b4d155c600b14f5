"""What to do next with an operation, as a call and in words, and the resources that have more of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType
from ktrdr_mcp.addresses import OPERATION, RESULTS
from ktrdr_mcp.replies import Call

_WAIT_SECONDS: Final = 20
_OF_A_BACKTEST: Final = ("trades", "equity", "results", "report.html")


class WayOn(NamedTuple):
    """The call to make, and the same with its alternatives in words."""

    call: Call
    words: str


def waiting(operation_id: str) -> Call:
    """Return the call that waits for the end of an operation."""
    return Call.of("get_operation", operation_id=operation_id, wait_seconds=_WAIT_SECONDS)


def after(operation: Operation) -> WayOn:
    """Return what to do next, by how far the operation is and what it has."""
    this = f"operation_id={operation.operation_id!r}"
    wait = waiting(operation.operation_id)
    if operation.status is OperationStatus.CANCELLING:
        return WayOn(wait, f"{wait} waits until it has stopped.")
    if not operation.status.is_final:
        return WayOn(
            wait, f"{wait} waits for the end; get_metrics({this}) shows the run so far; cancel({this}) stops it."
        )
    if operation.status is OperationStatus.FAILED:
        words = f"{_start(operation)} again once the cause is repaired; list_operations shows the others."
        return WayOn(Call.of("list_operations"), words)
    if operation.results:
        return _AFTER_RESULTS.get(operation.operation_type, _after_any)(operation)
    return WayOn(
        Call.of("list_operations"),
        f"{_start(operation)} again if it is still wanted; list_operations shows the others.",
    )


def resources_of(operation: Operation) -> tuple[str, ...]:
    """Return the addresses under which there is more of an operation."""
    if not operation.results:
        return ()
    parts = _OF_A_BACKTEST if operation.operation_type is OperationType.BACKTESTING else ("results", "report.html")
    address = OPERATION.format(operation_id=operation.operation_id)
    return tuple(f"{address}/{part}" for part in parts)


def _start(operation: Operation) -> str:
    tool = _STARTS.get(operation.operation_type)
    return f"{tool}(...)" if tool else "start it"


def _after_any(operation: Operation) -> WayOn:
    call = Call.of("get_metrics", operation_id=operation.operation_id)
    resource = RESULTS.format(operation_id=operation.operation_id)
    return WayOn(call, f"{call} for the history; resource {resource} for all.")


def _after_backtest(operation: Operation) -> WayOn:
    call = Call.of("plot_operation", operation_id=operation.operation_id)
    resource = f"ktrdr://operations/{operation.operation_id}/trades"
    return WayOn(
        call,
        f"{call} draws it; get_metrics(operation_id={operation.operation_id!r}) for the history; resource {resource} "
        "for the trades, also /equity, /results and /report.html.",
    )


def _after_training(operation: Operation) -> WayOn:
    told = {**operation.metadata, **(operation.results or {})}
    named = {name: told.get(name) for name in ("strategy_config_path", "model_path")}
    given = ", ".join(f"{name}={value!r}" for name, value in named.items())
    return WayOn(
        Call.of("start_backtest", **named),
        f"start_backtest({given}, ...) tries the model on bars after {told.get('end_date')}; "
        f"get_metrics(operation_id={operation.operation_id!r}) shows the epochs.",
    )


def _after_load(operation: Operation) -> WayOn:
    told = operation.results or {}
    if told.get("partial"):
        return WayOn(
            Call.of("load_data", **operation.metadata),
            "load_data(...) with the same arguments goes on from there; list_datasets() shows what there is.",
        )
    named = {name: told.get(name) for name in ("symbol", "timeframe")}
    given = ", ".join(f"{name}={value!r}" for name, value in named.items())
    return WayOn(
        Call.of("start_backtest", **named),
        f"start_backtest({given}, ...) or start_training(...) on these bars; list_datasets() shows all there are.",
    )


_AFTER_RESULTS: Final[dict[OperationType, Callable[[Operation], WayOn]]] = {
    OperationType.BACKTESTING: _after_backtest,
    OperationType.TRAINING: _after_training,
    OperationType.DATA_LOADING: _after_load,
}
"""What to call next when there are results, by what was done."""

_STARTS: Final = {
    OperationType.BACKTESTING: "start_backtest",
    OperationType.TRAINING: "start_training",
    OperationType.DATA_LOADING: "load_data",
}
"""The tool that starts each kind; everything else here knows no kind."""
