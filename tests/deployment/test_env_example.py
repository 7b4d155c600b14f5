from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from ktrdr_engine.settings import Settings, load_settings
from tests.deployment.image import CHECKOUT

EXAMPLE = CHECKOUT / ".env.example"


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(dotenv_values(EXAMPLE)) == {name.upper() for name in Settings.model_fields}


def test_the_example_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    defaults = load_settings()
    (tmp_path / ".env").write_text(EXAMPLE.read_text(encoding="utf-8"))
    assert load_settings() == defaults


def test_no_secret_is_in_the_example_and_no_env_file_is_kept() -> None:
    values = dotenv_values(EXAMPLE)
    assert not any(value for name, value in values.items() if "TOKEN" in name)
    assert ".env" in (CHECKOUT / ".gitignore").read_text().splitlines()
