"""The main job on the shipped prices: through a real client, over stdio, in both eras, and as the demo."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import TextResourceContents

from ktrdr_engine.backtesting.models import BacktestResults
from ktrdr_mcp import demo
from tests.mcp.conftest import text_of
from tests.mcp.wire import environment


@pytest.mark.timeout(60)
async def test_an_agent_backtests_a_neural_strategy_over_stdio(tmp_path: Path, mode: str) -> None:
    server = StdioServerParameters(command=sys.executable, args=["-m", "ktrdr_mcp.main"], env=environment(tmp_path))
    async with Client(server, mode=mode) as client:

        async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            assert len(text_of(result)) < 2_048
            assert result.structured_content is not None
            return dict(result.structured_content)

        operation_id = (await ask("start_backtest", **demo.BACKTEST))["operation_id"]
        operation = await ask("get_operation", operation_id=operation_id, wait_seconds=25)
        assert operation["status"] == "COMPLETED"
        results = operation["results"]
        assert results.keys() == BacktestResults.model_fields.keys() - {"partial", "tables", "provenance"}
        assert operation["progress"]["context"]["total_trades"] == results["total_trades"]

        page = await ask("get_metrics", operation_id=operation_id, limit=500)
        assert page["metrics"]["bars"]["rows"]
        (trades,) = (await client.read_resource(f"ktrdr://operations/{operation_id}/trades?limit=500")).contents
        assert isinstance(trades, TextResourceContents)
        assert f'"total":{results["total_trades"]}' in trades.text
        assert (await ask("list_operations"))["total"] == 1


@pytest.mark.timeout(60)
def test_the_demo_shows_a_whole_session(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "ktrdr_engine.cli", "demo"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path, COLUMNS="200"),
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for words in ("start_backtest(", "COMPLETED", "CANCELLED", "get_metrics(", "/trades", "sharpe ratio"):
        assert words in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    ends = ("\nVerdict: ", "\nPicture: ", "\nWhat to do next")
    verdict, picture, following = (shown.stdout.rindex(word) for word in ends)
    assert shown.stdout.rindex("sharpe ratio") < verdict < picture < following
    path = Path(shown.stdout[picture:following].split("Picture: ")[1].strip())
    assert path.read_bytes().startswith(b"\x89PNG")
    shutil.rmtree(path.parent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(60)
def test_the_demo_prints_the_finished_operation_alone_as_json(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "ktrdr_engine.cli", "demo", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path, COLUMNS="200"),
    )
    assert shown.returncode == 0, shown.stderr
    operation = json.loads(shown.stdout)
    assert operation["status"] == "COMPLETED"
    assert operation["results"]["total_trades"] > 0
    assert "start_backtest(" in shown.stderr
    shutil.rmtree(Path(shown.stderr.split("Picture: ")[1].splitlines()[0]).parent)


def test_a_demo_that_does_not_go_as_it_must_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "write_long_prices", lambda home: None)
    monkeypatch.setattr(demo, "SYMBOL", "EURUDS")
    assert demo.main() == 1
    shown = capsys.readouterr().out
    assert "The demo failed" in shown
    assert "Did you mean 'EURUSD'" in shown
