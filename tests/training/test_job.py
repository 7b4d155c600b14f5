from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import InputError, StorageError
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_engine.training.job import TrainingJob, prepare
from ktrdr_engine.training.models import TrainingRequest
from ktrdr_engine.training.results import make_results
from ktrdr_engine.training.trainer import train_on
from tests.training.conftest import REQUEST, write_prices, write_strategy
from tests.training.prices import HOUR, series, wave
from tests.training.strategies import tiny

Prepared = Callable[..., TrainingJob]


@pytest.fixture
def prepared(home: Path) -> Prepared:
    def prepared(**changes: Any) -> TrainingJob:
        roots = (home, shipped_root())
        request = TrainingRequest.parse(REQUEST | changes)
        return prepare(request, StrategyLibrary(roots), ModelLibrary(roots), BarStore(roots))

    return prepared


def test_the_strategys_symbols_are_learned_from_unless_others_are_asked_for(prepared: Prepared) -> None:
    assert prepared().material.symbols == ("WAVE",)
    assert prepared(symbols=["OTHER", "WAVE"]).material.symbols == ("OTHER", "WAVE")
    assert prepared(timeframes=["1h"]).material.symbols == ("WAVE",)


def test_only_bars_of_the_range_are_learned_from(prepared: Prepared) -> None:
    job = prepared(start_date="1970-01-05", end_date="1970-02-10T12:00:00Z")
    stamps = [stamp for rows in job.material.rows.values() for stamp in rows.stamps.tolist()]
    assert min(stamps) == 4 * 24 * HOUR
    assert max(int(rows.known.max()) for rows in job.material.rows.values()) == (40 * 24 + 12) * HOUR
    assert job.batches == -(-len(job.material.rows["train"].labels) // 32)


def test_the_name_and_the_seed_of_the_request_win(prepared: Prepared) -> None:
    assert (prepared().model_stem, prepared().material.training.seed) == ("tiny", 3)
    job = prepared(model_name="mine", seed=9)
    assert (job.model_stem, job.material.training.seed) == ("mine", 9)


def test_other_data_have_another_hash(prepared: Prepared) -> None:
    hashes = [job.data_sha256 for job in (prepared(), prepared(), prepared(symbols=["OTHER"]))]
    assert hashes[0] == hashes[1] != hashes[2]


def write_ladder(home: Path) -> None:
    """Put a strategy of hourly and 4h bars over both symbols, read in sequence, into a home."""
    training_data = {
        "symbols": {"mode": "multi_symbol", "list": ["WAVE", "OTHER"]},
        "timeframes": {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"},
    }
    model = {"type": "gru", "architecture": {"hidden_size": 4}, "features": {"lookback_periods": 3}}
    mapping = tiny({"epochs": 1}, training_data=training_data, model=model).config.as_mapping() | {"name": "ladder"}
    (home / "strategies" / "ladder.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))


def test_longer_timeframes_are_learned_from_as_a_backtest_would_see_them(prepared: Prepared, home: Path) -> None:
    write_ladder(home)
    request = {"strategy_config_path": "ladder", "start_date": "1970-01-15", "end_date": "1970-02-15"}
    job = prepared(**request)
    assert [(frame.series.symbol, frame.origin) for frame in job.higher] == [
        ("WAVE", "4h made from the 1h bars"),
        ("OTHER", "4h made from the 1h bars"),
    ]
    # Settled from before the range: the first row of all opens with it.
    assert min(int(rows.stamps.min()) for rows in job.material.rows.values()) == 14 * 24 * HOUR
    model = train_on(job.material)
    assert (model.metadata.symbols, model.metadata.timeframes) == (("WAVE", "OTHER"), ("1h", "4h"))
    notes = make_results(job, model, "models/x.pt", []).notes
    told = "WAVE 4h made from the 1h bars, OTHER 4h made from the 1h bars"
    assert f"Longer timeframes, seen from their close on: {told}." in notes


def test_longer_bars_that_stop_inside_the_range_are_found_before_the_training(prepared: Prepared, home: Path) -> None:
    write_ladder(home)
    write_prices(home, resample(series(wave(600), "OTHER"), Timeframe.H4))
    with pytest.raises(InputError, match="OTHER 4h has no bars from") as caught:
        prepared(strategy_config_path="ladder")
    assert caught.value.details["field"] == "end_date"
    assert (
        prepared(strategy_config_path="ladder", end_date="1970-01-24").higher[1].origin == "4h from a file of its own"
    )


@pytest.mark.parametrize(
    ("change", "code", "field", "words"),
    [
        ({"strategy_config_path": "tinny"}, "strategy_error", "strategy_config_path", "Did you mean 'tiny'"),
        ({"strategy_config_path": "../tiny"}, "strategy_error", "strategy_config_path", "without folders"),
        ({"strategy_config_path": "bad"}, "strategy_error", "strategy_config_path", "epochs"),
        ({"strategy_config_path": "ruled"}, "strategy_error", "strategy_config_path", "need no training"),
        ({"symbols": ["WAVES"]}, "data_error", "symbols", "Did you mean 'WAVE'"),
        ({"symbols": ["WAVE", "GOOG"]}, "data_error", "symbols", "No 1h prices for GOOG"),
        ({"symbols": ["BROKEN"]}, "data_error", "symbols", "BROKEN_1h.csv"),
        ({"symbols": ["WAVE", "OTHER", "WAVE"]}, "invalid_request", "symbols", "names WAVE more than once"),
        ({"timeframes": ["4h"]}, "strategy_error", "timeframes", "written for 1h bars, not for 4h"),
        ({"timeframes": ["1h", "4h"]}, "strategy_error", "timeframes", "leave timeframes out"),
        ({"start_date": "yesterday"}, "invalid_request", "start_date", "YYYY-MM-DD"),
        ({"end_date": "1970-01-01"}, "invalid_request", "end_date", "swap them"),
        ({"start_date": "1980-01-01", "end_date": "1980-02-01"}, "data_error", "start_date", "Available: 1970-01-01"),
        ({"symbols": ["WAVE", "LATE"], "end_date": "1970-01-31"}, "data_error", "start_date", "LATE 1h has no bars"),
        ({"end_date": "1970-01-02T03:00:00Z"}, "data_error", "start_date", "No bar has both features and a label"),
        ({"end_date": "1970-01-02T14:00:00Z"}, "data_error", "start_date", "No rows are left for"),
        ({"symbols": ["FLAT"]}, "data_error", "training.labels", "same label"),
    ],
)
def test_what_cannot_work_is_found_before_there_is_a_handle(
    prepared: Prepared, home: Path, change: dict[str, Any], code: str, field: str, words: str
) -> None:
    write_prices(home, series([100.0 + n % 2 / 1000 for n in range(600)], "FLAT"))
    write_prices(home, series(wave(600), "LATE", first=1_000))
    (home / "data" / "BROKEN_1h.csv").write_text("timestamp,open,high,low,close,volume\n1970-01-01,1,2,3,x,5\n")
    write_strategy(home, "bad")
    bad = home / "strategies" / "bad.yaml"
    bad.write_text(bad.read_text().replace("epochs: 4", "epochs: -4"))
    (home / "strategies" / "ruled.yaml").write_text(RULED)
    with pytest.raises(InputError) as caught:
        prepared(**change)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.details["field"] == field


def test_a_folder_that_cannot_be_written_is_found_before_the_hours_of_work(prepared: Prepared, home: Path) -> None:
    (home / "models").write_text("a file")
    with pytest.raises(StorageError, match="models cannot be made"):
        prepared()


RULED = """
name: ruled
training_data:
  symbols: {mode: single, symbol: WAVE}
  timeframes: {mode: single, timeframe: 1h}
indicators: {rsi_5: {type: rsi, period: 5}}
fuzzy_sets: {zone: {indicator: rsi_5, low: [0, 0, 30, 50], high: [50, 70, 100, 100]}}
nn_inputs: [{fuzzy_set: zone, timeframes: all}]
model:
  type: fuzzy_rules
  rules:
    - {if: "zone is low", then: BUY, weight: 1.0}
    - {if: "zone is high", then: SELL, weight: 1.0}
"""
