from __future__ import annotations

import base64

import numpy as np
import pytest
from numpy.typing import NDArray

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.inference.digest import check_digest, make_digest, recognised

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
BARS = 24 * 365


def walk(seed: int, bars: int = BARS) -> NDArray[np.float64]:
    prices: NDArray[np.float64] = 1.1 * np.exp(np.random.default_rng(seed).normal(0, 1e-3, bars).cumsum())
    return prices


STAMPS = np.arange(BARS, dtype=np.int64) * HOUR
CLOSE = walk(0)
DIGEST = make_digest(STAMPS, CLOSE)
FIRST, LAST = int(STAMPS[2_000]), int(STAMPS[2_500])


@pytest.mark.parametrize(
    "copy",
    [CLOSE, CLOSE * 100, CLOSE / 7, np.round(CLOSE, 5), np.round(CLOSE * 1.37, 5)],
    ids=["exact", "times a hundred", "by seven", "rounded", "scaled and rounded"],
)
def test_a_copy_is_recognised_whatever_its_unit(copy: NDArray[np.float64]) -> None:
    assert recognised(DIGEST, STAMPS, copy, FIRST, LAST) == 0


def test_real_prices_rounded_to_a_pip_are_recognised_in_every_month(bar_store: BarStore) -> None:
    real = bar_store.load("EURUSD", "1h")
    digest, rounded = make_digest(real.timestamp, real.close), np.round(real.close, 4)
    for start in range(0, len(real) - 500, 250):
        first, last = int(real.timestamp[start]), int(real.timestamp[start + 500])
        assert recognised(digest, real.timestamp, rounded, first, last) == 0


@pytest.mark.parametrize("part", [slice(2_000, 2_500), slice(2_300, 2_420)], ids=["three weeks", "five days"])
def test_a_part_is_recognised_by_itself(part: slice) -> None:
    stamps, close = STAMPS[part], CLOSE[part]
    assert recognised(DIGEST, stamps, close, int(stamps[0]), int(stamps[-1])) == 0


@pytest.mark.parametrize("hours", [-5, 2, 5.75, 14])
def test_a_copy_stamped_in_another_time_zone_is_recognised(hours: float) -> None:
    shift = int(hours * HOUR)
    assert recognised(DIGEST, STAMPS + shift, CLOSE, FIRST, LAST) == shift


def test_what_is_a_copy_for_a_time_only_is_one_there_alone() -> None:
    spliced = np.concatenate([CLOSE[:4_000], CLOSE[3_999] * walk(9)[: BARS - 4_000]])
    assert recognised(DIGEST, STAMPS, spliced, FIRST, LAST) == 0
    assert recognised(DIGEST, STAMPS, spliced, int(STAMPS[6_000]), int(STAMPS[7_000])) is None


def test_other_prices_are_never_taken_for_a_copy() -> None:
    assert [seed for seed in range(1, 40) if recognised(DIGEST, STAMPS, walk(seed), FIRST, LAST) is not None] == []


def test_no_shipped_market_is_taken_for_another(bar_store: BarStore) -> None:
    daily = [bar_store.load(symbol, "1d") for symbol in ("AAPL", "MSFT", "IBM", "GOOG", "SPX")]
    for one in daily:
        digest = make_digest(one.timestamp, one.close)
        first, last = int(one.timestamp[0]), int(one.timestamp[-1])
        alike = [two.symbol for two in daily if recognised(digest, two.timestamp, two.close, first, last) is not None]
        assert alike == [one.symbol]


def test_markets_that_stood_still_have_nothing_in_common() -> None:
    still = np.full(BARS, 5.0)
    assert make_digest(STAMPS, still) == ""
    assert recognised("", STAMPS, still, FIRST, LAST) is None
    assert recognised(DIGEST, STAMPS, still, FIRST, LAST) is None


@pytest.mark.parametrize("bars", [1, 2, 3])
def test_hardly_any_bars_make_a_digest_too(bars: int) -> None:
    digest = check_digest(make_digest(STAMPS[:bars], CLOSE[:bars]))
    assert recognised(digest, STAMPS[:bars], CLOSE[:bars], 0, int(STAMPS[bars - 1])) is None


def test_daily_and_weekly_bars_keep_enough_to_be_recognised() -> None:
    for length in (DAY, 7 * DAY):
        stamps = np.arange(500, dtype=np.int64) * length
        digest = make_digest(stamps, CLOSE[:500])
        assert recognised(digest, stamps, CLOSE[:500] * 3, int(stamps[100]), int(stamps[109])) == 0


def test_a_digest_grows_with_the_months_and_not_with_the_bars() -> None:
    minutes = np.arange(60 * BARS, dtype=np.int64) * (HOUR // 60)
    assert len(make_digest(minutes, walk(3, len(minutes)))) == pytest.approx(len(DIGEST), rel=0.02)
    assert len(DIGEST) < 12 * 172 + 4


def test_bars_before_1970_are_recognised() -> None:
    stamps = STAMPS - 40 * 365 * DAY
    assert recognised(make_digest(stamps, CLOSE), stamps, CLOSE * 2, int(stamps[500]), int(stamps[900])) == 0


@pytest.mark.parametrize("text", ["?", "AAAA", base64.b64encode(b"1234567").decode()])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        check_digest(text)
