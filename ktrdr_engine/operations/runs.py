"""Running work in this process: wait for a slot, run in a thread, turn how it ended into an `Ending`.

Which status follows is decided in `transitions`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio

from ktrdr_engine.errors import KtrdrError, OperationCancelled
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.endings import DEFECT, OUT_OF_MEMORY, Ending, failed
from ktrdr_engine.operations.models import OperationStatus, Outcome
from ktrdr_engine.operations.records import Record
from ktrdr_engine.operations.transitions import Transitions

logger = logging.getLogger(__name__)
_NICENESS = 10
T = TypeVar("T")


class LocalRuns:
    """Runs at most `max_concurrent` pieces of work at once, first come, first served."""

    def __init__(self, transitions: Transitions, *, max_concurrent: int) -> None:
        self._transitions = transitions
        self._slots = anyio.CapacityLimiter(max_concurrent)
        self._scopes: set[anyio.CancelScope] = set()

    async def run(self, record: Record, bridge: ProgressBridge, work: Callable[[], Outcome]) -> None:
        """Carry the operation from PENDING to its end."""
        with anyio.CancelScope(shield=True) as scope:
            record.run_scope = scope
            self._scopes.add(scope)
            try:
                await self._carry(record, bridge, work)
            except Exception:
                # The top of an operation's task: a bridge that cannot be read, or a thread that cannot be started,
                # must not take the service down, nor leave the operation running.
                extra = {"operation_id": record.operation_id}
                logger.exception("Operation %s could not be concluded", record.operation_id, extra=extra)
                record.source = None
                await self._transitions.finish(record, Ending(OperationStatus.FAILED, error=DEFECT))
            finally:
                self._scopes.discard(scope)

    def abandon(self) -> None:
        """Wait no longer for any work; threads that still run are left to themselves."""
        for scope in self._scopes:
            scope.cancel()

    async def _carry(self, record: Record, bridge: ProgressBridge, work: Callable[[], Outcome]) -> None:
        async with self._slots:
            bridge.touch()
            if not await self._transitions.begin(record):
                await self._transitions.finish(record, Ending(OperationStatus.CANCELLED))
                return
            ending = await in_daemon_thread(lambda: _carried_out(work, record.operation_id), record.operation_id)
        await self._transitions.finish(record, ending)


def _carried_out(work: Callable[[], Outcome], operation_id: str) -> Ending:
    """Run the work and never raise: this is the top of the worker thread."""
    try:
        return Ending(OperationStatus.COMPLETED, work())
    except OperationCancelled as cancelled:
        partial = cancelled.partial if isinstance(cancelled.partial, Outcome) else None
        return Ending(OperationStatus.CANCELLED, partial)
    except KtrdrError as error:
        logger.warning("Operation %s failed: %s", operation_id, error.message, extra={"operation_id": operation_id})
        return failed(error)
    except MemoryError:
        return Ending(OperationStatus.FAILED, error=OUT_OF_MEMORY)
    except BaseException:
        # BaseException: a SystemExit or a foreign CancelledError in a thread must not leave the operation running.
        logger.exception("Operation %s failed", operation_id, extra={"operation_id": operation_id})
        return Ending(OperationStatus.FAILED, error=DEFECT)


async def in_daemon_thread(call: Callable[[], T], name: str) -> T:
    """Run `call`, which must not raise, in a thread of its own and return its result.

    Cancelled, it leaves the thread to itself. A daemon thread: work that does not stop must not keep the process
    from ending.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def body() -> None:
        _give_way()
        result = call()
        try:
            loop.call_soon_threadsafe(deliver, result)
        except RuntimeError:
            logger.info("%s ended after its event loop", name)

    threading.Thread(target=body, name=name, daemon=True).start()
    return await future


def _give_way() -> None:
    """Have the system prefer other threads to this one, so that a query is answered while all cores compute.

    Only Linux knows a niceness of single threads; elsewhere nothing is changed.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
