"""Error codes, from the error tree and the endings of operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ktrdr_engine.errors import KtrdrError, OperationCancelled
from ktrdr_engine.operations import endings
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.http_replies import status_of
from ktrdr_engine.operations.models import OperationStatus
from scripts.reference.words import heading, paragraph, table

_REFUSED: Final = (
    ("malformed", 400, "The request cannot be read: no JSON, an unknown query, a body that ends early."),
    ("unauthorized", 401, "No token, or a wrong one."),
    ("forbidden", 403, "A foreign Host or Origin; to start or cancel, any but the server's own."),
    ("not_found", 404, "There is nothing at this address."),
    ("method_not_allowed", 405, "This address takes another method."),
    ("body_too_large", 413, "The body is larger than any request."),
    ("not_json", 415, "The body is not said to be application/json."),
    ("internal", 500, "A defect; the log has the details."),
)


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Errors")
    yield from paragraph(
        """An error says what was wrong, the value and the repair, and has a stable code. Tools answer with the
        text; HTTP with `{"error": {"code", "message", "details"}}` and the status; the command line with
        the text and exit code 2 where the input can be repaired, 1 otherwise. Tracebacks go to the log
        alone."""
    )
    yield from table(("code", "HTTP", "meaning"), _raised())
    yield from ("", "## HTTP alone")
    yield from table(("code", "HTTP", "meaning"), ((f"`{code}`", status, said) for code, status, said in _REFUSED))
    yield from ("", "## Of an operation that FAILED", "")
    yield from paragraph("""Besides the codes above, with which the work itself may end:""")
    yield from table(("code", "meaning"), _ended())


def _raised() -> Iterator[tuple[object, ...]]:
    for kind in _below(KtrdrError):
        yield f"`{kind.code}`", status_of(kind), (kind.__doc__ or "").split("\n")[0]


def _below(kind: type[KtrdrError]) -> Iterator[type[KtrdrError]]:
    for one in kind.__subclasses__():
        if "code" in vars(one) and one is not OperationCancelled:
            yield one
        yield from _below(one)


def _ended() -> Iterator[tuple[str, str]]:
    for info in (endings.INTERRUPTED, endings.WORKER_LOST, endings.OUT_OF_MEMORY, endings.DEFECT):
        yield f"`{info.code}`", info.message
    health = HealthService()
    stuck = health.assess(2 * health.stuck_after_seconds, OperationStatus.RUNNING)
    assert stuck is not None  # twice the limit
    yield f"`{stuck.code}`", "There was no progress for longer than `KTRDR_STUCK_AFTER_SECONDS`."
