from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from ktrdr_engine.logs import JsonFormatter, TextFormatter


def line(message: str, *arguments: object, **fields: Any) -> dict[str, Any]:
    record = logging.LogRecord(
        "ktrdr.test", logging.WARNING, __file__, 1, message, arguments, fields.pop("exc_info", None)
    )
    record.__dict__.update(created=0.25, **fields)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_a_record_is_one_json_object_with_time_level_logger_and_message() -> None:
    assert line("%d bars of %s", 3, "AAPL") == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "WARNING",
        "logger": "ktrdr.test",
        "thread": "MainThread",
        "message": "3 bars of AAPL",
    }


def test_the_operation_is_a_field_of_its_own() -> None:
    assert line("ended", operation_id="op_backtest_x")["operation_id"] == "op_backtest_x"


def test_an_exception_keeps_its_traceback_within_the_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        found = line("failed", exc_info=(ValueError, error, error.__traceback__), stack_info="Stack:\n  here")
    assert "Traceback" in found["exception"]
    assert "broken\nin two" in found["exception"]
    assert found["stack"] == "Stack:\n  here"


@pytest.mark.parametrize("text", ["two\nlines", 'quote " and \\', "\ud800 lone surrogate", "Ünïcode"])
def test_any_text_fits_into_a_line(text: str) -> None:
    assert line("%s", text)["message"] == text


def test_json_lines_go_to_stderr_and_nothing_to_stdout() -> None:
    finished = run_python(
        "import logging, warnings; from ktrdr_engine.logs import set_up_logging; set_up_logging('info', 'json');"
        "logging.getLogger('a').info('begun', extra={'operation_id': 'op_1'}); logging.getLogger('a').debug('no');"
        "warnings.warn('old')"
    )
    assert finished.stdout == ""
    begun, warned = (json.loads(text) for text in finished.stderr.splitlines())
    assert (begun["message"], begun["operation_id"], begun["level"]) == ("begun", "op_1", "INFO")
    assert "old" in warned["message"]


def test_text_lines_are_for_people_and_the_last_set_up_counts() -> None:
    finished = run_python(
        "import logging; from ktrdr_engine.logs import set_up_logging; set_up_logging('debug', 'json');"
        "set_up_logging('warning'); logging.getLogger('a').info('no'); logging.getLogger('a').warning('yes')"
    )
    assert finished.stderr == "WARNING a: yes\n"
    assert finished.stdout == ""


def test_a_text_line_holds_nothing_that_a_terminal_obeys() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, "symbol \x1b[2J\x9b31m \r%s", ("\u2028é\tü",), None)
    assert TextFormatter("%(message)s").format(record) == "symbol \\x1b[2J\\x9b31m \\x0d\u2028é\tü"
