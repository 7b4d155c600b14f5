from __future__ import annotations

import pytest

from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.errors import DataError


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1m", 1), ("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60), ("4h", 240), ("1d", 1440), ("1w", 10080)],
)
def test_every_timeframe_knows_its_length(text: str, minutes: int) -> None:
    assert parse_timeframe(text).nanoseconds == minutes * 60_000_000_000


def test_all_timeframes_are_the_eight_of_the_domain() -> None:
    assert [str(timeframe) for timeframe in Timeframe] == ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1H", "1h"), ("15min", "15m"), ("1day", "1d"), ("60", "1h"), ("240", "4h"), ("1440m", "1d"), ("M15", "15m"),
        ("H1", "1h"), ("D1", "1d"), ("D", "1d"), ("W", "1w"), ("daily", "1d"), ("1 hour", "1h"), ("7d", "1w"),
    ],
)  # fmt: skip
def test_a_misspelt_timeframe_is_refused_with_the_nearest(text: str, meant: str) -> None:
    with pytest.raises(DataError, match=f"'{text}' is not a timeframe. Did you mean .*'{meant}'"):
        parse_timeframe(text)


def test_a_senseless_timeframe_is_refused_with_all() -> None:
    with pytest.raises(DataError, match="All: 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w"):
        parse_timeframe("")


@pytest.mark.parametrize("text", ["2h", "90m", "M", "1M", "MN1", "monthly", "3d", "H2"])
def test_a_length_there_are_no_bars_of_is_called_unsupported_and_not_another(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_timeframe(text)
    assert "not supported" in caught.value.message
    assert "Did you mean" not in caught.value.message
