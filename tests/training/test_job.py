from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import InputError, StorageError
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_engine.training.job import TrainingJob, prepare
from ktrdr_engine.training.models import TrainingRequest
from tests.training.conftest import REQUEST, write_prices, write_strategy
from tests.training.prices import HOUR, series, wave

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
        ({"start_date": "yesterday"}, "invalid_request", "start_date", "2024-12-31"),
        ({"end_date": "1970-01-01"}, "invalid_request", "end_date", "swap them"),
        ({"start_date": "1980-01-01", "end_date": "1980-02-01"}, "data_error", "start_date", "Available: 1970-01-01"),
        ({"symbols": ["WAVE", "LATE"], "end_date": "1970-01-31"}, "data_error", "start_date", "LATE 1h has no bars"),
        ({"end_date": "1970-01-02T03:00:00Z"}, "data_error", "start_date", "No bar has both features and a label"),
        ({"end_date": "1970-01-02T14:00:00Z"}, "data_error", "start_date", "No rows are left for"),
        ({"symbols": ["FLAT"]}, "data_error", "start_date", "same label"),
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
