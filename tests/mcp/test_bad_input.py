"""Bad input through the tool and the whole engine: a clear error each time, and nothing is started."""

from __future__ import annotations

import os
import pickle
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mcp import Client

from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.composition import open_application
from ktrdr_engine.settings import Settings
from ktrdr_mcp.server import create_server
from tests.mcp.conftest import text_of

STRATEGY = "rsi_mean_reversion.yaml"
MODEL = "rsi_mlp_v1.0.0.pt"
HEADER = "timestamp,open,high,low,close,volume\n"
GOOD = "2017-01-02T00:00:00Z,1,2,1,2,5\n"

Refuse = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for kind in ("strategies", "models", "data"):
        (tmp_path / kind).mkdir()
    return tmp_path


@pytest.fixture
async def refuse(home: Path) -> AsyncIterator[Refuse]:
    """Return a call that must be refused, and leave no operation behind."""
    async with (
        open_application(Settings(_env_file=None, ktrdr_home=home)) as application,
        Client(create_server(application)) as client,
    ):

        async def refuse(**changes: Any) -> str:
            arguments = {
                "symbol": "EURUSD",
                "timeframe": "1h",
                "strategy_config_path": f"strategies/{STRATEGY}",
                "model_path": f"models/{MODEL}",
                "start_date": "2017-01-02",
                "end_date": "2017-12-29",
                **changes,
            }
            result = await client.call_tool("start_backtest", arguments)
            text = text_of(result)
            assert result.is_error, text
            assert "for example: start_backtest(" in text
            assert "failed inside ktrdr" not in text
            listed = await client.call_tool("list_operations", {})
            assert listed.structured_content is not None
            assert listed.structured_content["total"] == 0
            return text

        yield refuse


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy_config_path": "strategies/rsi_mean_reversal.yaml"}, ["Did you mean", STRATEGY]),
        ({"model_path": "models/rsi_mlp_v1.0.1.pt"}, ["Did you mean", "rsi_mlp_v1.0.0"]),
        ({"symbol": "EURUDS"}, ["EURUDS", "Did you mean 'EURUSD'"]),
        ({"timeframe": "2h"}, ["2h", "1h"]),
        ({"timeframe": "1d"}, ["1d", "1h"]),
        ({"strategy_config_path": "../secret.yaml"}, ["../secret.yaml"]),
        ({"strategy_config_path": "strategies/../../secret.yaml"}, ["secret.yaml"]),
        ({"strategy_config_path": "/etc/passwd"}, ["/etc/passwd"]),
        ({"model_path": "../secret.pt"}, ["../secret.pt"]),
        ({"model_path": "/etc/passwd"}, ["/etc/passwd"]),
        ({"symbol": "../EURUSD"}, ["../EURUSD"]),
        ({"start_date": "2017-12-29", "end_date": "2017-01-02"}, ["before", "swap"]),
        ({"start_date": "2017-01-07", "end_date": "2017-01-07"}, ["2017-01-07"]),
        ({"start_date": "2030-01-01", "end_date": "2030-12-31"}, ["2017-"]),
        ({"start_date": "1990-01-01", "end_date": "1990-12-31"}, ["2017-"]),
        ({"start_date": "yesterday"}, ["yesterday"]),
        ({"end_date": "2017-02-30"}, ["2017-02-30"]),
        ({"initial_capital": 0}, ["initial_capital", "above 0"]),
        ({"initial_capital": "nan"}, ["initial_capital", "finite"]),
        ({"initial_capital": "inf"}, ["initial_capital", "finite"]),
        ({"commission": 1.5}, ["commission=1.5", "0.001 is 0.1 %"]),
        ({"slippage": -0.1}, ["slippage=-0.1"]),
        ({"startdate": "2017-01-02"}, ["Did you mean 'start_date'"]),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(refuse: Refuse, changes: dict[str, Any], words: list[str]) -> None:
    text = await refuse(**changes)
    for word in words:
        assert word in text


@pytest.mark.parametrize("timeframe", ["1h", "1d", "15m"])
async def test_a_strategy_for_bars_that_the_symbol_has_none_of_is_no_matter_of_the_timeframe(
    refuse: Refuse, timeframe: str
) -> None:
    text = await refuse(symbol="AAPL", timeframe=timeframe)
    assert f'timeframe="{timeframe}"' in text.splitlines()[-1]
    assert "strategy_config_path=..." in text.splitlines()[-1]


async def test_the_model_of_a_strategy_of_rules_is_left_out_of_the_example(refuse: Refuse) -> None:
    rules = {"symbol": "AAPL", "timeframe": "1d", "strategy_config_path": "trend_rules"}
    text = await refuse(**rules, start_date="2001-01-01", end_date="2013-01-31")
    assert "model_path" not in text.splitlines()[-1]


async def test_an_empty_model_path_is_one_left_out_for_rules_too(home: Path) -> None:
    rules = {"symbol": "AAPL", "timeframe": "1d", "strategy_config_path": "trend_rules", "model_path": ""}
    async with (
        open_application(Settings(_env_file=None, ktrdr_home=home)) as application,
        Client(create_server(application)) as client,
    ):
        dates = {"start_date": "2001-01-01", "end_date": "2013-01-31"}
        result = await client.call_tool("start_backtest", rules | dates)
        assert not result.is_error, text_of(result)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("name: [unclosed\n", ["line"]),
        ("name: a\n---\nname: b\n", ["document"]),
        ("- just\n- a list\n", ["mapping"]),
        ("", ["empty"]),
    ],
)
async def test_a_strategy_file_that_is_no_strategy_is_refused(
    refuse: Refuse, home: Path, content: str, words: list[str]
) -> None:
    (home / "strategies" / "mine.yaml").write_text(content)
    text = await refuse(strategy_config_path="strategies/mine.yaml")
    for word in ("mine.yaml", *words):
        assert word in text


async def test_every_mistake_of_a_strategy_is_named_at_once(refuse: Refuse, home: Path) -> None:
    text = (shipped_root() / "strategies" / STRATEGY).read_text()
    broken = text.replace("period:", "perod:").replace("confidence_threshold: 0.", "confidence_threshold: 60.")
    assert broken != text
    (home / "strategies" / "mine.yaml").write_text(broken)
    refusal = await refuse(strategy_config_path="strategies/mine.yaml")
    assert "perod" in refusal
    assert "period" in refusal
    assert "confidence_threshold" in refusal


async def test_a_link_that_leaves_the_folder_is_refused(refuse: Refuse, home: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("name: secret\n")
    (home / "strategies" / "link.yaml").symlink_to(outside)
    text = await refuse(strategy_config_path="strategies/link.yaml")
    assert "link" in text
    assert "leaves" in text


class Trap:
    """A pickle that would run a command when read."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self._proof}",)


async def test_a_model_file_that_is_no_model_is_refused(refuse: Refuse, home: Path) -> None:
    whole = (shipped_root() / "models" / MODEL).read_bytes()
    proof = home / "proof"
    files = {
        "noise.pt": b"\x00\x01noise" * 100,
        "empty.pt": b"",
        "half.pt": whole[: len(whole) // 2],
        "trap.pt": pickle.dumps(Trap(proof)),
    }
    for name, content in files.items():
        (home / "models" / name).write_bytes(content)
    torch.save({"weights": torch.zeros(3)}, home / "models" / "foreign.pt")
    torch.save({"format": "ktrdr-model/1", "trap": Trap(proof)}, home / "models" / "packed_trap.pt")
    for name in (*files, "foreign.pt", "packed_trap.pt"):
        assert name in await refuse(model_path=f"models/{name}")
    assert not proof.exists()


async def test_a_model_made_for_other_features_is_refused(refuse: Refuse) -> None:
    (other,) = [path.name for path in (shipped_root() / "models").glob("*.pt") if "trend" in path.name]
    text = await refuse(model_path=f"models/{other}")
    assert "features" in text
    assert "1h_rsi_zone_oversold" in text


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (HEADER + GOOD + "2017-01-02T01:00:00Z,1,2,1,NaN,5\n", "close"),
        (HEADER + GOOD + GOOD, "2017-01-02"),
        (HEADER + "2017-01-02T01:00:00Z,1,2,1,2,5\n" + GOOD, "2017-01-02"),
        ("timestamp,open,high,low,volume\n2017-01-02T00:00:00Z,1,2,1,5\n", "close"),
        (HEADER + GOOD + "2017-01-02T01:00:00Z,-1,2,-1,2,5\n", "2017-01-02"),
        (HEADER, ""),
    ],
)
async def test_prices_that_break_a_rule_are_refused(refuse: Refuse, home: Path, rows: str, word: str) -> None:
    (home / "data" / "MINE_1h.csv").write_text(rows)
    text = await refuse(symbol="MINE")
    assert "MINE_1h.csv" in text
    assert word in text


async def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(_env_file=None, ktrdr_home=tmp_path / "file" / "home")
    async with open_application(settings) as application, Client(create_server(application)) as client:
        result = await client.call_tool(
            "start_backtest",
            {
                "symbol": "EURUSD",
                "timeframe": "1h",
                "strategy_config_path": STRATEGY,
                "model_path": MODEL,
                "start_date": "2017-01-02",
                "end_date": "2017-01-31",
            },
        )
        assert result.is_error
        assert str(tmp_path / "file") in text_of(result)
        assert "Nothing is wrong with the arguments" in text_of(result)
        listed = await client.call_tool("list_operations", {})
        assert listed.is_error  # no operations would be another answer
        assert str(tmp_path / "file") in text_of(listed)
