"""One version in every place that names it, and words that the registry of MCP servers takes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from ktrdr_engine import __version__
from ktrdr_engine.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REGISTERED: dict[str, Any] = json.loads((ROOT / "distribution" / "server.json").read_text(encoding="utf-8"))
BUNDLE: dict[str, Any] = json.loads((ROOT / "distribution" / "mcpb" / "manifest.json").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    (package,) = REGISTERED["packages"]
    named = {PROJECT["version"], __version__, REGISTERED["version"], package["version"], BUNDLE["version"]}
    assert len(named) == 1


@pytest.mark.parametrize("said", [REGISTERED["description"], BUNDLE["description"]])
def test_a_description_fits_the_registry(said: str) -> None:
    assert 1 <= len(said) <= 100


def test_the_package_proves_to_the_registry_whose_it_is() -> None:
    assert f"mcp-name: {REGISTERED['name']}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_variable_offered_is_a_setting() -> None:
    (package,) = REGISTERED["packages"]
    offered = {one["name"] for one in package["environmentVariables"]} | set(BUNDLE["server"]["mcp_config"]["env"])
    assert offered <= {name.upper() for name in Settings.model_fields}


def test_every_command_offered_is_one_of_the_package() -> None:
    assert BUNDLE["server"]["mcp_config"]["args"][-1] in PROJECT["scripts"]
    assert (ROOT / BUNDLE["server"]["entry_point"]).is_file()
    assert REGISTERED["packages"][0]["identifier"] == PROJECT["name"]


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        # Takes what is less than 1e-14 for zero: a coin at 7e-8 has Bollinger Bands without width.
        ("TA-Lib", ["0.6.5", "0.7.1"], ["0.8.0", "0.8.2"]),
        # Reads the year 1500 as 2084: what does not fit 64 bits of nanoseconds is carried over without a word.
        ("pyarrow", ["18.0.0", "22.0.0"], ["23.0.0", "26.0.1"]),
    ],
)
def test_versions_that_give_wrong_numbers_are_not_allowed(name: str, wrong: list[str], right: list[str]) -> None:
    (wanted,) = (one for text in PROJECT["dependencies"] if (one := Requirement(text)).name == name)
    assert [version for version in wrong + right if version in wanted.specifier] == right
