"""What every test may use: the shipped libraries, and a home of its own for each test."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.settings import Settings
from ktrdr_engine.strategy.library import StrategyLibrary

# No test judges by the clock: a first call may compile a kernel.
hypothesis.settings.register_profile("ktrdr", deadline=None)
hypothesis.settings.load_profile("ktrdr")


@pytest.fixture(scope="session")
def strategies() -> StrategyLibrary:
    return StrategyLibrary((shipped_root(),))


@pytest.fixture(scope="session")
def models() -> ModelLibrary:
    return ModelLibrary((shipped_root(),))


@pytest.fixture(scope="session")
def bar_store() -> BarStore:
    return BarStore((shipped_root(),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ktrdr_home=tmp_path / "home", _env_file=None)
