from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.library import StrategyLibrary, read_strategy
from tests.strategy.test_schema import SMALLEST

SHIPPED = ["long_short_swing", "pullback_in_context", "rsi_mean_reversion", "trend_following", "trend_rules"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "strategies").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_strategy_is_called_as_its_file(name: str) -> None:
    strategy = StrategyLibrary((shipped_root(),)).load(name)
    assert strategy.name == name
    assert strategy.source == f"{name}.yaml"
    assert strategy.config.feature_plan().warmup <= strategy.config.training_data.history_required


def test_the_shipped_strategies_are_these() -> None:
    assert StrategyLibrary((shipped_root(),)).names() == [f"{name}.yaml" for name in SHIPPED]


def test_the_users_file_wins_and_its_bytes_are_remembered(home: Path) -> None:
    (home / "strategies" / "rsi_mean_reversion.yaml").write_bytes(SMALLEST)
    strategy = StrategyLibrary((home, shipped_root())).load("strategies/rsi_mean_reversion.yaml")
    assert strategy.name == "smallest"
    assert strategy.text == SMALLEST.decode()
    assert strategy.sha256 == hashlib.sha256(SMALLEST).hexdigest()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "strategies/../../x.yaml", "a/b.yaml", ".hidden", ""])
def test_a_name_that_leaves_the_folder_is_refused(home: Path, name: str) -> None:
    with pytest.raises(StrategyError, match="bare file name"):
        StrategyLibrary((home,)).load(name)


def test_a_link_out_of_the_folder_is_refused(home: Path) -> None:
    (home / "secret.yaml").write_bytes(SMALLEST)
    (home / "strategies" / "x.yaml").symlink_to(home / "secret.yaml")
    with pytest.raises(StrategyError, match="link"):
        StrategyLibrary((home,)).load("x")


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(StrategyError, match=r"Did you mean 'rsi_mean_reversion"):
        StrategyLibrary((shipped_root(),)).load("rsi_mean_revesion")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_strategy_error(home: Path) -> None:
    path = home / "strategies" / "x.yaml"
    path.write_bytes(SMALLEST)
    path.chmod(0)
    with pytest.raises(StrategyError, match="cannot be read"):
        read_strategy(path)


def test_a_file_that_vanished_is_a_strategy_error(home: Path) -> None:
    with pytest.raises(StrategyError, match="cannot be read"):
        read_strategy(home / "strategies" / "gone.yaml")


def test_a_file_larger_than_a_strategy_is_not_read_whole(home: Path) -> None:
    path = home / "strategies" / "x.yaml"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(StrategyError, match="256 KB"):
        read_strategy(path)


def test_strategies_need_no_numbers_library() -> None:
    code = (
        "import sys, ktrdr_engine.strategy.library\n"
        "assert not {'numpy', 'torch', 'talib', 'pandas', 'numba'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
