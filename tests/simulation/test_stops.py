"""Stops, targets and trailing stops, computed by hand. Bar 0 decides, bar 1 opens at 100."""

from __future__ import annotations

from typing import Unpack

import pytest

from ktrdr_engine.simulation.simulator import Simulation
from tests.simulation.markets import Changes, bars, run

Row = tuple[float, float, float, float]
QUIET: Row = (100, 100, 100, 100)


def long(*rows: Row, word: str = "B", **rules: Unpack[Changes]) -> Simulation:
    return run(bars(QUIET, *rows), word.ljust(len(rows) + 1, "."), **rules)


def short(*rows: Row, word: str = "S", **rules: Unpack[Changes]) -> Simulation:
    rules["allow_short_from_flat"] = True
    return run(bars(QUIET, *rows), word.ljust(len(rows) + 1, "."), **rules)


def exits(simulation: Simulation) -> list[tuple[object, object, str]]:
    trades = simulation.trades
    return [
        (bar, pytest.approx(price), word)
        for bar, price, word in zip(
            trades.exit_index.tolist(), trades.exit_price.tolist(), trades.exit_words(), strict=True
        )
    ]


def test_a_low_at_the_stop_fills_at_the_stop() -> None:
    assert exits(long(QUIET, (100, 101, 90, 95), stop_loss=0.1)) == [(2, 90.0, "stop_loss")]


def test_a_low_above_the_stop_does_not_fill() -> None:
    assert exits(long(QUIET, (100, 101, 90.01, 95), stop_loss=0.1)) == [(2, 95.0, "end_of_data")]


def test_the_entry_bars_own_low_can_stop() -> None:
    simulation = long((100, 100, 85, 99), QUIET, stop_loss=0.1)
    assert exits(simulation) == [(1, 90.0, "stop_loss")]
    assert simulation.trades.bars_held.tolist() == [0]
    assert simulation.equity.tolist() == pytest.approx([1000.0, 900.0, 900.0])
    assert simulation.exposed_bars == 1


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    assert exits(long(QUIET, (70, 80, 60, 75), stop_loss=0.1)) == [(2, 70.0, "stop_loss")]


def test_a_gap_through_the_target_fills_at_the_open() -> None:
    assert exits(long(QUIET, (130, 140, 125, 135), take_profit=0.1)) == [(2, 130.0, "take_profit")]


def test_a_high_at_the_target_fills_at_the_target() -> None:
    assert exits(long(QUIET, (100, 115, 95, 100), take_profit=0.1)) == [(2, 110.0, "take_profit")]


def test_the_stop_comes_before_the_target_when_both_lie_in_a_bar() -> None:
    assert exits(long(QUIET, (100, 115, 85, 110), stop_loss=0.1, take_profit=0.1)) == [(2, 90.0, "stop_loss")]


def test_the_stop_comes_first_even_when_the_bar_opened_beyond_the_target() -> None:
    assert exits(long(QUIET, (120, 125, 85, 110), stop_loss=0.1, take_profit=0.1)) == [(2, 90.0, "stop_loss")]


def test_stop_levels_are_measured_from_the_entry_fill_slippage_included() -> None:
    # Filled at 101, stop at 90.9, sold 1 % below it.
    simulation = long(QUIET, (100, 100, 90.9, 95), stop_loss=0.1, slippage=0.01)
    assert exits(simulation) == [(2, 90.9 * 0.99, "stop_loss")]


def test_a_stop_above_the_open_it_was_entered_at_fills_at_that_open() -> None:
    # Filled at 110, stop at 104.5: the open of 100 is below it already.
    assert exits(long((100, 120, 99, 110), stop_loss=0.05, slippage=0.1)) == [(1, 90.0, "stop_loss")]


def test_the_exit_of_a_stop_pays_commission() -> None:
    simulation = long(QUIET, (100, 100, 90, 95), stop_loss=0.1, commission=0.01)
    units = 1000 / 101
    assert simulation.final_value == pytest.approx(units * 90 * 0.99)
    assert simulation.trades.commission == pytest.approx([units * (100 + 90) * 0.01])


def test_the_trailing_stop_follows_the_highs_up_to_the_bar_before() -> None:
    simulation = long((100, 120, 100, 115), (115, 150, 108, 140), QUIET, trailing_stop=0.1)
    # On bar 2 the level is 120 * 0.9; its own high of 150 does not count yet.
    assert exits(simulation) == [(2, 108.0, "trailing_stop")]


def test_the_trailing_stop_does_not_know_the_high_of_its_own_bar() -> None:
    simulation = long((100, 120, 100, 115), (115, 150, 109, 140), (140, 141, 136, 140), trailing_stop=0.1)
    assert exits(simulation) == [(3, 140.0, "end_of_data")]
    assert exits(long((100, 120, 100, 115), (115, 150, 109, 140), (140, 141, 135, 140), trailing_stop=0.1)) == [
        (3, 135.0, "trailing_stop")
    ]


def test_the_trailing_stop_starts_at_the_entry_fill() -> None:
    assert exits(long((100, 130, 90, 130), trailing_stop=0.1)) == [(1, 90.0, "trailing_stop")]


def test_the_trailing_stop_gapped_through_fills_at_the_open() -> None:
    assert exits(long((100, 120, 100, 115), (105, 106, 104, 105), trailing_stop=0.1)) == [(2, 105.0, "trailing_stop")]


def test_the_nearer_of_stop_and_trailing_stop_is_the_one_that_fills() -> None:
    rules: Changes = {"stop_loss": 0.1, "trailing_stop": 0.2}
    assert exits(long((100, 105, 95, 100), (100, 100, 80, 90), **rules)) == [(2, 90.0, "stop_loss")]
    assert exits(long((100, 120, 95, 118), (118, 118, 80, 90), **rules)) == [(2, 96.0, "trailing_stop")]


def test_a_signal_settles_at_the_open_before_the_stop_of_that_bar() -> None:
    simulation = long(QUIET, (95, 96, 80, 85), word="BS", stop_loss=0.1)
    assert exits(simulation) == [(2, 95.0, "signal")]


def test_a_stop_closes_before_the_next_bars_signal_finds_anything() -> None:
    simulation = long((100, 100, 85, 95), QUIET, QUIET, word="BS", stop_loss=0.1)
    assert exits(simulation) == [(1, 90.0, "stop_loss")]


def test_the_reversed_position_has_stops_from_the_bar_of_the_reversal() -> None:
    simulation = run(bars(QUIET, QUIET, (100, 112, 99, 105)), "BS.", allow_short_from_flat=True, stop_loss=0.1)
    assert exits(simulation) == [(2, 100.0, "signal"), (2, 110.0, "stop_loss")]


def test_a_short_is_stopped_by_a_high_at_the_level() -> None:
    assert exits(short(QUIET, (100, 125, 95, 100), stop_loss=0.25)) == [(2, 125.0, "stop_loss")]


def test_a_short_gapped_through_its_stop_fills_at_the_open() -> None:
    assert exits(short(QUIET, (130, 135, 120, 125), stop_loss=0.25)) == [(2, 130.0, "stop_loss")]


def test_a_short_takes_profit_at_the_low_or_at_a_lower_open() -> None:
    assert exits(short(QUIET, (100, 101, 75, 95), take_profit=0.25)) == [(2, 75.0, "take_profit")]
    assert exits(short(QUIET, (70, 72, 65, 70), take_profit=0.25)) == [(2, 70.0, "take_profit")]


def test_a_short_stops_before_its_target() -> None:
    assert exits(short(QUIET, (100, 125, 75, 95), stop_loss=0.25, take_profit=0.25)) == [(2, 125.0, "stop_loss")]


def test_a_shorts_trailing_stop_follows_the_lows_up_to_the_bar_before() -> None:
    first = (100, 100, 80, 85)
    assert exits(short(first, (85, 100, 40, 60), QUIET, trailing_stop=0.25)) == [(2, 100.0, "trailing_stop")]
    assert exits(short(first, (85, 99, 40, 60), (45, 50, 45, 45), trailing_stop=0.25)) == [(3, 50.0, "trailing_stop")]


def test_the_nearer_of_a_shorts_stops_is_the_one_that_fills() -> None:
    rules: Changes = {"stop_loss": 0.25, "trailing_stop": 0.5}
    assert exits(short(QUIET, (100, 160, 100, 150), **rules)) == [(2, 125.0, "stop_loss")]
    assert exits(short((100, 100, 80, 80), (80, 160, 80, 150), **rules)) == [(2, 120.0, "trailing_stop")]


def test_a_target_beyond_the_whole_price_of_a_short_is_never_met() -> None:
    assert exits(short(QUIET, (1, 1, 1, 1), take_profit=1.5)) == [(2, 1.0, "end_of_data")]


def test_the_excursion_of_a_stopped_bar_ends_at_the_exit() -> None:
    trades = long(QUIET, (100, 130, 70, 75), stop_loss=0.1).trades
    # The high of 130 may have come after the stop, the low of 70 surely did.
    assert trades.mae == pytest.approx([0.1])
    assert trades.mfe == pytest.approx([0.0])


def test_the_target_is_a_favourable_excursion() -> None:
    trades = long((100, 104, 98, 100), (100, 115, 70, 75), take_profit=0.1).trades
    assert trades.mfe == pytest.approx([0.1])
    assert trades.mae == pytest.approx([0.02])


def test_a_fixed_and_a_trailing_stop_at_one_level_count_as_the_fixed_one() -> None:
    assert exits(long((100, 100, 85, 90), stop_loss=0.1, trailing_stop=0.1)) == [(1, 90.0, "stop_loss")]


LEVELS = [(0.3, 12.5, 0.44), (0.1, 12.0, 0.25), (0.3, 14.0, 0.5), (0.2, 16.0, 0.5), (0.1, 10.0, 0.1), (0.04, 12.0, 0.2)]


@pytest.mark.parametrize(("loss", "high", "trail"), LEVELS)
def test_levels_that_differ_by_rounding_alone_are_one_level(loss: float, high: float, trail: float) -> None:
    # 10 * (1 - 0.3) is 7.0, 12.5 * (1 - 0.44) is 7.000000000000001: the same price on paper.
    prices = bars((10, 10, 10, 10), (10, high, 10, 10), (10, 10, 5, 5), (5, 5, 5, 5))
    assert run(prices, "B...", stop_loss=loss, trailing_stop=trail).trades.exit_words() == ["stop_loss"]


@pytest.mark.parametrize(("loss", "low", "trail"), [(0.2, 8.0, 0.5), (0.1, 8.8, 0.25), (0.35, 7.5, 0.8)])
def test_a_shorts_levels_that_differ_by_rounding_alone_are_one_level(loss: float, low: float, trail: float) -> None:
    prices = bars((10, 10, 10, 10), (10, 10, low, 10), (10, 30, 10, 30), (30, 30, 30, 30))
    simulation = run(prices, "S...", stop_loss=loss, trailing_stop=trail, allow_short_from_flat=True)
    assert simulation.trades.exit_words() == ["stop_loss"]
