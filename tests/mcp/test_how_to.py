"""What the documents tell people to type: commands, settings and files that exist."""

from __future__ import annotations

import argparse
import json
import re
import shlex

import pytest

import ktrdr_mcp.main
import worker_app.main
from ktrdr_engine.settings import Settings
from tests.mcp.wire import ROOT

PAGES = ("README.md", "docs/how-to-remote.md")
PARSERS = {"ktrdr-mcp": ktrdr_mcp.main._parser, "ktrdr-worker": worker_app.main._parser}


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def commands(page: str) -> list[list[str]]:
    lines = re.findall(r"^\$ (ktrdr-\S+.*)$", text_of(page), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_understood(page: str) -> None:
    shown = commands(page)
    assert {command[0] for command in shown} == set(PARSERS)
    for program, *arguments in shown:
        assert isinstance(PARSERS[program]().parse_args(arguments), argparse.Namespace)


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_is_a_setting(page: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"\b(?:KTRDR|OPERATIONS|USE|REMOTE)_[A-Z_]+\b", text_of(page))) <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_configuration_is_json(page: str) -> None:
    blocks = re.findall(r"```json\n(.*?)```", text_of(page), re.DOTALL)
    assert blocks
    for block in blocks:
        json.loads(block)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_script_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text_of(page)):
        assert (folder / target).exists(), target
    for script in re.findall(r"scripts/[\w.-]+\.sh", text_of(page)):
        assert (ROOT / script).is_file()
