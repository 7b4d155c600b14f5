"""A home with a small strategy and made-up prices, so that a training takes a fraction of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ktrdr_engine.bars.series import BarSeries
from tests.training.prices import series, wave
from tests.training.strategies import tiny

REQUEST: dict[str, Any] = {"strategy_config_path": "tiny", "start_date": "1970-01-02", "end_date": "1970-02-28"}


def write_strategy(home: Path, name: str = "tiny", **training: Any) -> None:
    mapping = tiny(training).config.as_mapping() | {"name": name}
    (home / "strategies").mkdir(parents=True, exist_ok=True)
    (home / "strategies" / f"{name}.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))


def write_prices(home: Path, bars: BarSeries) -> None:
    (home / "data").mkdir(parents=True, exist_ok=True)
    stamps = np.datetime_as_string(bars.timestamp.astype("datetime64[ns]"), unit="s")
    columns = (stamps, bars.open, bars.high, bars.low, bars.close, bars.volume)
    lines = [",".join(map(str, row)) for row in zip(*(column.tolist() for column in columns), strict=True)]
    text = "\n".join(["timestamp,open,high,low,close,volume", *lines])
    (home / "data" / f"{bars.symbol}_{bars.timeframe}.csv").write_text(text + "\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """WAVE and OTHER, 1,200 hours from 1970-01-01, and the strategies tiny and endless."""
    write_strategy(tmp_path)
    write_strategy(tmp_path, "endless", epochs=10_000, early_stopping=None)
    write_prices(tmp_path, series(wave(1_200)))
    write_prices(tmp_path, series(wave(1_200, seed=1), "OTHER"))
    return tmp_path
