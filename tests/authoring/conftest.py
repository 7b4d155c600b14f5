"""The libraries over a home of the test's own and what ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.authoring.shelves import Shelves
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.strategy.library import StrategyLibrary


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in ("strategies", "models", "data"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture
def shelves(home: Path) -> Shelves:
    roots = (home, shipped_root())
    return Shelves(StrategyLibrary(roots), ModelLibrary(roots), BarStore(roots))
