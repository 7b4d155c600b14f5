"""Backtests of strategies that decide by rules: no model, no torch, and a word about the rule that came closest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.job import prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults, ModelRelation
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.rules.rule_base import RuleBase
from ktrdr_engine.strategy.library import StrategyLibrary
from tests.backtesting.conftest import RULES, JobMaker

Edited = Callable[..., BacktestResults]


@pytest.fixture
def edited(tmp_path: Path, bar_store: BarStore) -> Edited:
    """Run the shipped strategy with parts of its text replaced; there are no models at all."""

    def run(*replacements: tuple[str, str], **arguments: Any) -> BacktestResults:
        text = (shipped_root() / "strategies" / "trend_rules.yaml").read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "strategies").mkdir(exist_ok=True)
        (tmp_path / "strategies" / "trend_rules.yaml").write_text(text, encoding="utf-8")
        request = BacktestRequest.parse(RULES | arguments)
        job = prepare(request, StrategyLibrary((tmp_path,)), ModelLibrary((tmp_path,)), bar_store)
        return BacktestingEngine(job).run()

    return run


def test_rules_are_their_own_model(job_of: JobMaker) -> None:
    job = job_of(RULES)
    assert isinstance(job.predictor, RuleBase)
    assert job.model is None
    assert job.model_path is None
    results = BacktestingEngine(job).run()
    assert results.provenance.model_sha256 is None
    assert results.provenance.seed is None
    assert results.provenance.strategy_sha256 == job.strategy.sha256
    assert results.model_relation is ModelRelation.NONE
    assert results.model_beats_majority is None
    assert "model_beats_majority" not in results.to_json()
    assert not any("model" in note for note in results.notes)


@pytest.mark.parametrize("symbol", ["AAPL", "MSFT", "IBM", "GOOG"])
def test_a_position_is_opened_only_where_a_buying_rule_fires(job_of: JobMaker, symbol: str) -> None:
    job = job_of(RULES | {"symbol": symbol, "start_date": "2006-01-02"})
    trades = BacktestingEngine(job).run().tables["trades"]
    features = job.features()
    degrees = dict(zip(features.names, features.values.astype(float).T, strict=True))
    above, rising = degrees["1d_long_trend_above"], degrees["1d_swing_rising"]
    buys = np.minimum(np.minimum(above, rising), 1 - degrees["1d_half_year_falling"])
    stamps = job.window.series.timestamp
    for entry in np.asarray(trades["entry_time"]).astype(np.int64):
        row = int(np.searchsorted(stamps, entry)) - 1  # decided on the bar before
        assert buys[row] >= 0.6


@pytest.mark.parametrize("start_date", ["2000-01-01", "2005-01-01"])
def test_buy_and_hold_begins_where_the_strategy_could_have_bought(job_of: JobMaker, start_date: str) -> None:
    job = job_of(RULES | {"start_date": start_date})
    results = BacktestingEngine(job).run()
    series, start = job.window.series, job.window.start
    entry = start + results.warmup_bars + 1
    assert results.buy_and_hold_start == format_stamp(int(series.timestamp[entry]))
    assert results.buy_and_hold_return == pytest.approx(float(series.close[-1] / series.open[entry]) - 1)
    assert (results.warmup_bars > 0) is (start_date == "2000-01-01")


@pytest.mark.parametrize(
    ("symbol", "told", "total_return"),
    [("AAPL", "made 3,896 %", 38.96), ("MSFT", "lost 39 %", -0.39), ("IBM", "3 %", 0.03)],
)
def test_the_shipped_rules_say_truly_how_they_did(
    job_of: JobMaker, symbol: str, told: str, total_return: float
) -> None:
    job = job_of(RULES | {"symbol": symbol, "start_date": "2001-01-01", "end_date": "2012-12-31"})
    assert f"{told} on {symbol}" in job.strategy.config.description
    results = BacktestingEngine(job).run()
    assert results.total_return == pytest.approx(total_return, abs=0.005)
    assert results.total_return is not None
    assert results.buy_and_hold_return is not None
    assert results.total_return < results.buy_and_hold_return
    assert results.buy_and_hold_sharpe_ratio is not None
    assert results.buy_and_hold_max_drawdown is not None
    assert results.exposure is not None
    assert 0.49 < results.exposure < 0.76


def test_the_strategy_the_symbol_and_the_dates_are_refused_together(job_of: JobMaker) -> None:
    wrong = {"strategy_config_path": "trend_rule", "symbol": "APL", "start_date": "2001", "end_date": "never"}
    with pytest.raises(InvalidRequest) as caught:
        job_of(RULES | wrong)
    told = caught.value.details["errors"]
    assert [one["field"] for one in told] == ["start_date", "end_date", "strategy_config_path", "symbol"]


def test_a_model_beside_rules_is_refused(job_of: JobMaker) -> None:
    with pytest.raises(InvalidRequest, match=r"decides by rules .* Leave model_path out") as caught:
        job_of(RULES | {"model_path": "models/rsi_mlp_v1.0.0.pt"})
    refused = {"field": "model_path", "value": "models/rsi_mlp_v1.0.0.pt"}
    assert caught.value.details == refused | {"mended": {"model_path": None}}


def test_the_rules_are_part_of_where_numbers_come_from(edited: Edited) -> None:
    one, two = edited(), edited(("norm: min_max", "norm: product"))
    assert one.provenance.strategy_sha256 != two.provenance.strategy_sha256
    assert one.final_value != two.final_value


def test_a_run_without_trades_names_the_rule_that_came_closest(edited: Edited) -> None:
    weak = ("not falling, then: BUY}", "not falling, then: BUY, weight: 0.5}")
    notes = edited(weak).notes
    assert notes[0] == "No trades: max BUY probability 0.50 < confidence_threshold 0.60."
    closest = (
        "rules[0] came closest to opening a position: BUY when long_trend is above and swing is rising and half_year "
        "is not falling (weight 0.5), which fired with at most 0.50, at 20"
    )
    assert any(note.startswith(closest) for note in notes)


def test_rules_that_never_fired_are_called_that(edited: Edited) -> None:
    never = ("above: {type: sigmoid, parameters: [1, 1]}", "above: [1000, 1001, 1002]")
    results = edited(never)
    assert results.total_trades == 0
    assert "No rule that opens a position fired on any bar: each asks for something that never was." in results.notes


def test_without_known_features_no_rule_is_blamed(edited: Edited) -> None:
    results = edited(start_date="2000-01-03", end_date="2000-03-31")
    assert results.warmup_bars == results.bars
    assert any("were all features known" in note for note in results.notes)
    assert not any("rule" in note for note in results.notes)


def test_a_selling_rule_opens_where_shorts_are_allowed(edited: Edited) -> None:
    short = ("allow_short_from_flat: false", "allow_short_from_flat: true")
    assert "SHORT" in edited(short).tables["trades"]["trade_type"]


def test_rules_read_longer_timeframes_from_their_close(edited: Edited) -> None:
    weekly = (
        ("{mode: single, timeframe: 1d}", "{mode: multi_timeframe, list: [1d, 1w], base_timeframe: 1d}"),
        ("then: BUY", "then: HOLD"),
        ("rules:\n", "rules:\n    - {if: 1w half_year is not falling and long_trend is above, then: BUY}\n"),
    )
    results = edited(*weekly)
    assert results.total_trades > 0
    assert any("1w made from the 1d bars" in note for note in results.notes)


def test_torch_is_not_imported_for_rules() -> None:
    program = (
        "import sys; from tests.backtesting.conftest import RULES; from ktrdr_engine.catalog import shipped_root;"
        "from ktrdr_engine.backtesting.job import prepare; from ktrdr_engine.backtesting.models import BacktestRequest;"
        "from ktrdr_engine.backtesting.engine import BacktestingEngine; from ktrdr_engine.bars.store import BarStore;"
        "from ktrdr_engine.inference.library import ModelLibrary;"
        "from ktrdr_engine.strategy.library import StrategyLibrary; roots = (shipped_root(),);"
        "job = prepare(BacktestRequest.parse(RULES), StrategyLibrary(roots), ModelLibrary(roots), BarStore(roots));"
        "print(BacktestingEngine(job).run().total_trades > 5, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False"]


def test_rules_that_contradict_each_other_hold_and_say_so(edited: Edited) -> None:
    text = (shipped_root() / "strategies" / "trend_rules.yaml").read_text(encoding="utf-8")
    rules = text[text.index("  rules:") : text.index("decisions:")]
    both = "  rules:\n    - {if: swing is rising, then: BUY}\n    - {if: swing is not falling, then: SELL}\n\n"
    results = edited((rules, both), ("confidence_threshold: ", "confidence_threshold: 0.3 #"))
    assert results.total_trades == 0
    assert any("equally probable" in note for note in results.notes)
