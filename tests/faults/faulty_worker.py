"""`python -m tests.faults.faulty_worker`: the real worker, over an engine that fails by the capital it is given."""

from __future__ import annotations

import sys
import threading
from typing import NoReturn

from ktrdr_engine.backtesting import engine
from ktrdr_engine.backtesting.models import BacktestResults
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.errors import EngineError
from ktrdr_engine.operations.cancellation import CancellationToken
from worker_app.main import main


def refuse() -> NoReturn:
    raise EngineError("The kernel gave up at bar 7.")


def divide() -> NoReturn:
    raise ZeroDivisionError("secret")


def exhaust() -> NoReturn:
    """Ask the system for more than any machine has."""
    raise AssertionError(len(bytearray(2**60)))


def leave() -> NoReturn:
    raise SystemExit(3)


def hang() -> NoReturn:
    """Make no progress and hear nothing: not even a cancellation."""
    while True:
        threading.Event().wait()


FAULTS = {1.0: refuse, 2.0: divide, 3.0: exhaust, 4.0: leave, 5.0: hang}


class FaultyEngine(engine.BacktestingEngine):
    """The real one, unless the capital names a fault."""

    def run(
        self, bridge: BacktestProgressBridge | None = None, cancellation_token: CancellationToken | None = None
    ) -> BacktestResults:
        """Fail, or run."""
        if fault := FAULTS.get(self._job.request.initial_capital):
            fault()
        return super().run(bridge, cancellation_token)


if __name__ == "__main__":
    engine.BacktestingEngine = FaultyEngine  # type: ignore[misc]  # the one fault that cannot be had from outside
    sys.exit(main())
