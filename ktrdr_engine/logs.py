"""Where log lines go and what they look like: stderr, as text for people or as one JSON object a line for machines.

Each `main` calls `set_up_logging` once; nothing else configures logging. Code that logs about an operation passes
`extra={"operation_id": ...}`: in JSON that is a field. Lines from inside a computation have it too, in `thread`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

_TEXT = "%(levelname)s %(name)s: %(message)s"


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


class TextFormatter(logging.Formatter):
    """Writes a record as a line for people; control characters, which a terminal would obey, are shown by number."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        return super().format(record).translate(_CONTROL)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time (UTC), level, logger, thread, message, operation_id, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": _instant(record.created),
            "level": record.levelname,
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if (operation_id := getattr(record, "operation_id", None)) is not None:
            line["operation_id"] = operation_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)


def set_up_logging(level: str, log_format: LogFormat = "text") -> None:
    """Send this process's log lines from `level` up to stderr, whatever was set up before.

    stdout stays untouched: on stdio it belongs to the protocol. A server library that brings handlers of its own
    must be told not to (uvicorn: `log_config=None`), then its lines come out here as well.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def _instant(seconds: float) -> str:
    stamp = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
