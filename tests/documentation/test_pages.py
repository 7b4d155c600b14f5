"""What the pages show works: commands run, configurations parse, strategies load, links lead somewhere."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

import ktrdr_mcp.main
import worker_app.main
from ktrdr_engine.cli.app import app
from ktrdr_engine.settings import Settings
from ktrdr_engine.strategy.loader import parse_strategy
from tests.documentation.blocks import blocks, commands, every_block, pages, text_of
from tests.mcp.wire import ROOT, environment

PARSERS = {"ktrdr-mcp": ktrdr_mcp.main._parser, "ktrdr-worker": worker_app.main._parser}
LANGUAGES = {"console", "json", "yaml", "python", "text", ""}
NOT_OURS = {"claude", "code", "cp", "curl", "docker", "export", "git", "openssl", "pip", "pipx", "python", "uv", "uvx"}
"""Programs of others, which a test can neither have nor stop."""
NOT_RUN = {"demo", "watch", "mcp"}
"""Of ours: the demo has a test of its own, the others go on until they are stopped."""


@pytest.mark.parametrize("page", pages())
def test_every_block_says_what_it_is(page: str) -> None:
    assert {block.language for block in every_block(page)} <= LANGUAGES


@pytest.mark.parametrize("page", [page for page in pages() if any(True for _ in commands(page))])
@pytest.mark.timeout(120)
def test_every_command_does_what_the_page_shows(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    _prepare(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, value in {"KTRDR_HOME": str(tmp_path / "home"), "COLUMNS": "120", "BROWSER": os.devnull}.items():
        monkeypatch.setenv(name, value)
    for words in commands(page):
        program, *arguments = words
        if program in PARSERS:
            assert isinstance(PARSERS[program]().parse_args(arguments), argparse.Namespace)
        elif program == "make":
            assert re.search(rf"^{arguments[0]}:", text_of_file("Makefile"), re.MULTILINE), words
        elif program == "ktrdr" and arguments[0] not in NOT_RUN:
            _run(arguments)
        elif program.startswith("scripts/"):
            # In a folder of its own: what it sets must not reach the commands after it.
            subprocess.run([str(ROOT / program), *arguments], cwd=tmp_path / "set", check=True, capture_output=True)
        else:
            assert program in NOT_OURS | {"ktrdr"}, words


def _prepare(page: str, folder: Path) -> None:
    """Put the strategies that the page spells out where its commands look for them; let trainings be short."""
    home = folder / "home"
    (home / "strategies").mkdir(parents=True)
    (home / "imports").mkdir()
    for text in blocks(page, "yaml"):
        if text.startswith("name: "):
            (home / "strategies" / f"{text.splitlines()[0].removeprefix('name: ')}.yaml").write_text(text)
    if any(words[:2] == ["ktrdr", "train"] for words in commands(page)):
        for shipped in (ROOT / "strategies").glob("*.yaml"):
            text = re.sub(r"(?m)^  epochs: \d+$", "  epochs: 2", shipped.read_text())
            (home / "strategies" / shipped.name).write_text(text)
    shutil.copy(ROOT / "data" / "EURUSD_1h.csv", home / "imports" / "prices.csv")


def _run(arguments: list[str]) -> None:
    filled = [_newest_id() if word == "OPERATION_ID" else word for word in arguments]
    ended = _ktrdr(filled)
    assert ended.exit_code == 0, f"ktrdr {' '.join(filled)}\n{ended.stderr}"


def _ktrdr(arguments: list[str]) -> Result:
    """Run a command in this process: hundreds of milliseconds of imports are paid once."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def _newest_id() -> str:
    rows = json.loads(_ktrdr(["operations", "list", "--json"]).stdout)["operations"]
    if not rows:
        _ktrdr(_EXAMPLE)
        return _newest_id()
    return str(rows[0]["operation_id"])


_EXAMPLE = [
    "backtest", "--symbol", "EURUSD", "--timeframe", "1h", "--strategy", "rsi_mean_reversion",
    "--start", "2017-01-02", "--end", "2017-03-31",
]  # fmt: skip


def text_of_file(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages())
def test_every_configuration_parses_and_starts_a_program_of_ours(page: str) -> None:
    for block in blocks(page, "json"):
        for servers in json.loads(block).values():
            for server in servers.values():
                assert "url" in server or Path(server["command"]).name in {"ktrdr-mcp", "uvx"}, server


@pytest.mark.parametrize("page", pages())
def test_every_strategy_is_valid(page: str) -> None:
    for block in blocks(page, "yaml"):
        if block.startswith("name: "):
            parse_strategy(block.encode(), page)
        else:
            yaml.safe_load(block)


@pytest.mark.parametrize("page", pages())
@pytest.mark.timeout(60)
def test_every_program_runs(page: str, tmp_path: Path) -> None:
    for block in blocks(page, "python"):
        subprocess.run([sys.executable, "-c", block], check=True, cwd=tmp_path, env=environment(tmp_path / "home"))


@pytest.mark.parametrize("page", pages())
def test_every_variable_is_a_setting(page: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"\b(?:KTRDR|OPERATIONS_CACHE|USE_REMOTE|REMOTE)_[A-Z_]+\b", text_of(page)))
    assert named <= known


@pytest.mark.parametrize("page", pages())
def test_every_link_and_script_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", text_of(page)):
        assert (folder / target).exists(), target
    for script in re.findall(r"scripts/[\w.-]+\.(?:sh|py)", text_of(page)):
        assert (ROOT / script).is_file(), script
