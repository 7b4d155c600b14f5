"""What others wrote, on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ktrdr_engine.cli.tables import listing, results_table
from ktrdr_engine.cli.visible import visible
from tests.cli.conftest import Run

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202e[bold]x[/bold]"
SHOWN = r"\u001b[2J\u001b]0;owned\u0007\u009b31m\u000d\u202e[bold]x[/bold]"


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("EURUSD 1h,\n\tSharpe −0.5 · Zürich 日本") == "EURUSD 1h,\n\tSharpe −0.5 · Zürich 日本"


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_json_stays_the_same_value(value: Any) -> None:
    assert json.loads(visible(json.dumps(value, ensure_ascii=False, indent=2))) == value


def test_tables_show_it_in_every_place() -> None:
    console = Console(width=300, force_terminal=True)
    with console.capture() as capture:
        console.print(listing(HOSTILE, (HOSTILE, "b"), [(HOSTILE, HOSTILE)]))
        console.print(results_table({HOSTILE: HOSTILE}, HOSTILE))
    printed = capture.get()
    assert printed.count(SHOWN) == 7
    assert "owned\x07" not in printed


@pytest.mark.parametrize("command", [("strategies",), ("strategies", "show", "evil"), ("strategies", "--json")])
def test_a_strategy_cannot_send_commands_to_the_terminal(ktrdr: Run, home: Path, command: tuple[str, ...]) -> None:
    saved = ktrdr("strategies", "new", "evil")
    assert saved.code == 0
    file = home / "strategies" / "evil.yaml"
    lines = file.read_text().splitlines()
    (place,) = [index for index, line in enumerate(lines) if line.startswith("description:")]
    lines[place] = 'description: "\\e]0;owned\\a \\x9b31m"'
    file.write_text("\n".join(lines) + "\n")
    shown = ktrdr(*command).stdout
    assert "owned" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_an_error_cannot_either(ktrdr: Run) -> None:
    ended = ktrdr("strategies", "show", "\x1b[2J")
    assert ended.code == 2
    assert "\x1b" not in ended.stderr
