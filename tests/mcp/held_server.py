"""`python -m tests.mcp.held_server`: the real main and a real store, over the engine that tests hold."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ktrdr_engine.composition import Application
from ktrdr_engine.operations.store import OperationStore
from ktrdr_mcp.main import run
from tests.mcp.held import open_held


@asynccontextmanager
async def opening() -> AsyncIterator[Application]:
    if "broken" in sys.argv:
        raise RuntimeError("the home is on fire")
    async with open_held(OperationStore(Path(os.environ["KTRDR_HOME"]))) as held:
        yield held.as_application()


if __name__ == "__main__":
    run(opening)
