"""`python -m tests.mcp.held_server`: the real process and a real store, over the engine that tests hold.

With `http` as an argument it listens on loopback, on the last `--port` that was given; `KTRDR_SERVER_TOKEN` is heeded.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ktrdr_engine.composition import Application
from ktrdr_engine.operations.store import OperationStore
from ktrdr_mcp.access import Access
from ktrdr_mcp.process import Transport, run
from ktrdr_mcp.stdio import Stdio
from ktrdr_mcp.web import Web
from tests.mcp.held import open_held


@asynccontextmanager
async def opening() -> AsyncIterator[Application]:
    if "broken" in sys.argv:
        raise RuntimeError("the home is on fire")
    async with open_held(OperationStore(Path(os.environ["KTRDR_HOME"]))) as held:
        if "slow" in sys.argv:
            held.loading = load_for_ever
        yield held.as_application()


def load_for_ever() -> None:
    print("loading", file=sys.stderr, flush=True)
    threading.Event().wait()


def transport() -> Transport:
    if "http" not in sys.argv:
        return Stdio()
    logging.basicConfig(level="INFO")
    port = int(sys.argv[len(sys.argv) - sys.argv[::-1].index("--port")])
    return Web(Access(os.environ.get("KTRDR_SERVER_TOKEN"), ["ktrdr.example"]), "127.0.0.1", port)


if __name__ == "__main__":
    run(opening, transport())
