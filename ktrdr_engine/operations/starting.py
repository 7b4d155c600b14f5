"""Where work of a kind can be started over HTTP, as data. `composition` lists them; no transport here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from ktrdr_engine.operations.models import Operation
from ktrdr_engine.operations.wire import StartedReply

Start = Callable[[Mapping[str, Any], str | None], Awaitable[Operation]]
"""Takes the untyped arguments and an idempotency key; raises what `ServiceOrchestrator.start` raises."""


class StartRoute(NamedTuple):
    """One kind's entrance.

    Attributes:
        path: Such as `/backtests/start`.
        summary: One line for the description of the interface.
        request: The model of the body.
        start: Checks the arguments and starts the work.
        reply: The model of what is answered.
    """

    path: str
    summary: str
    request: type[BaseModel]
    start: Start
    reply: type[StartedReply] = StartedReply
