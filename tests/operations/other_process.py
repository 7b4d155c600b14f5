"""Another process with operations of its own: says what it started, then obeys lines on its standard input.

Run as `python -m tests.operations.other_process HOME BYTES_OF_RESULTS`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import anyio.to_thread

from ktrdr_engine.operations.models import Outcome
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Gate, ended, start


async def main(home: Path, ballast: str) -> None:
    """Start one operation, print its id, and serve `get`, `metrics`, `complete` and `leave`."""
    async with OperationsService(OperationStore(home), cache_ttl=0) as service:
        work = Gate(Outcome({"answer": 42, "ballast": "x" * int(ballast)}))
        operation_id = await start(service, work, idempotency_key="the key")
        await work.until_reached()
        print(operation_id, flush=True)
        while (command := await anyio.to_thread.run_sync(sys.stdin.readline)).strip() != "leave":
            if command.strip() == "complete":
                work.open()
                operation = await ended(service, operation_id)
                print(operation.status, *operation.warnings, flush=True)
            elif command.strip() == "metrics":
                print((await service.get_operation_metrics(operation_id)).new_cursor, flush=True)
            else:
                print((await service.get_operation(operation_id)).status, flush=True)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2])
