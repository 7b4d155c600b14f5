"""Finds what there is to draw of an operation: result tables, or the metrics so far, and the prices.

What an operation can show follows from what it left behind, not from its kind. Neighbours: `run` and `epochs` make
sense of what is found; `drawing` and the reports read them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.to_thread

from ktrdr_engine.bars.dates import parse_bound
from ktrdr_engine.charts.columns import from_entries
from ktrdr_engine.charts.epochs import Epochs, epochs_of
from ktrdr_engine.charts.run import Prices, Run, finished_run, is_of_run, run_so_far
from ktrdr_engine.errors import DataError, OperationConflict
from ktrdr_engine.operations.entries import all_entries

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.operations.models import Operation, Table
    from ktrdr_engine.operations.service import OperationsService


class Subject(NamedTuple):
    """An operation and what can be drawn of it."""

    operation: Operation
    run: Run | None = None
    epochs: Epochs | None = None


async def gather(operations: OperationsService, bars: Callable[[], BarStore], operation_id: str) -> Subject:
    """Return what there is to draw of an operation.

    Args:
        operations: Where it is known.
        bars: Returns the prices; called in a thread.
        operation_id: Which.

    Raises:
        OperationNotFound: There is none.
        WorkerUnavailable: The worker that has its tables does not answer.
        StorageError: What is kept of it cannot be read.
    """
    operation = await operations.get_operation(operation_id)
    equity = await _table(operations, operation_id, "equity")
    if equity is not None and "timestamp" in equity:
        trades = await _table(operations, operation_id, "trades")
        run = await anyio.to_thread.run_sync(finished_run, operation, equity, trades or {})
        return Subject(operation, await _with_prices(run, bars) if run else None)
    history = await all_entries(operations, operation_id)
    run = _run_so_far(operation, history)
    epochs = epochs_of(operation, history["epochs"]) if history.get("epochs") else None
    return Subject(operation, await _with_prices(run, bars) if run else None, epochs)


def _run_so_far(operation: Operation, history: Mapping[str, list[dict[str, Any]]]) -> Run | None:
    if not history.get("bars"):
        return None
    return run_so_far(operation, from_entries(history["bars"]), from_entries(history.get("trades", [])))


async def _table(operations: OperationsService, operation_id: str, name: str) -> Table | None:
    try:
        return await operations.get_operation_columns(operation_id, name)
    except OperationConflict:
        return None


async def _with_prices(run: Run, bars: Callable[[], BarStore]) -> Run:
    asked = run.operation.metadata

    def find() -> Run:
        try:
            series = bars().load(str(asked.get("symbol")), str(asked.get("timeframe")))
        except DataError:
            return _remark(run, "The prices of this run are not on this side: neither they nor buy and hold are shown.")
        began = run.results.get("buy_and_hold_start")
        entry = parse_bound(str(began), end=False) if began else None
        prices = Prices.between(series, int(run.stamps[0]), int(run.stamps[-1]), entry)
        if prices is None or not is_of_run(prices, run):
            return _remark(run, "The price file has changed since the run: neither it nor buy and hold is shown.")
        return dataclasses.replace(run, prices=prices)

    return await anyio.to_thread.run_sync(find)


def _remark(run: Run, remark: str) -> Run:
    return dataclasses.replace(run, remarks=(*run.remarks, remark))
