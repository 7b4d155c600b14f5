"""A TA-Lib that takes small prices for zero computes nothing, wherever it came from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import talib as installed

from ktrdr_engine.errors import DependencyError
from ktrdr_engine.features import formulas, indicators


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    formulas.talib.cache_clear()
    yield
    formulas.talib.cache_clear()


def _older(**functions: object) -> SimpleNamespace:
    """Return a library as it was before 0.8: below 1e-14, respectively 1, a sum counts as zero."""
    given = {"STDDEV": installed.STDDEV, "MFI": installed.MFI, **functions}
    return SimpleNamespace(__version__="0.6.5", __file__="/elsewhere/talib/__init__.py", **given)


@pytest.mark.parametrize("function", ["STDDEV", "MFI"])
def test_a_library_that_takes_small_prices_for_zero_is_refused(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    older = _older(**{function: lambda prices, *_: np.zeros(len(prices))})
    monkeypatch.setitem(sys.modules, "talib", older)
    with pytest.raises(DependencyError, match=r"TA-Lib 0\.6\.5 \(/elsewhere.*'TA-Lib>=0\.8,<1'") as refused:
        indicators.warm_up()
    assert refused.value.code == "dependency_error"


def test_the_library_that_is_installed_is_taken() -> None:
    assert formulas.talib() is installed


def test_an_older_copy_that_comes_first_on_the_path_ends_a_run_before_it_starts(tmp_path: Path) -> None:
    folder = tmp_path / "talib"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import numpy as np\n__version__ = '0.7.1'\ndef STDDEV(prices, period): return np.zeros(len(prices))\n",
        encoding="utf-8",
    )
    command = [
        sys.executable, "-m", "ktrdr_engine.cli", "backtest", "--symbol", "SPX", "--timeframe", "1d", "--strategy",
        "trend_rules", "--start", "2010-01-01", "--end", "2010-02-01",
    ]  # fmt: skip
    environment = {"PYTHONPATH": str(tmp_path), "KTRDR_HOME": str(tmp_path / "home"), "PATH": ""}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 1
    assert "TA-Lib 0.7.1" in ended.stderr
    assert "Traceback" not in ended.stderr
