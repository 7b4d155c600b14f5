"""Names of markets, what they are inferred from, and where they are kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from ktrdr_engine.bars.files import read_notes, write_parquet
from ktrdr_engine.bars.market import CRYPTO, FX, US_EQUITY, UTC, infer_market, parse_market
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.stored_market import write_market
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError
from tests.bars.columns import CSV, write
from tests.datasets.prices import bars


def opens(first: str, last: str, step: str) -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq=step, tz="UTC", inclusive="left")


def inferred(index: pd.DatetimeIndex, timeframe: Timeframe) -> str:
    market = infer_market(index.as_unit("ns").asi8, timeframe)
    assert market.inferred
    return market.name


def of_fx(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Keep what opens from Sunday to Friday 17:00 in New York."""
    local = index.tz_convert("America/New_York") + pd.Timedelta(hours=7)
    return index[local.day_of_week < 5]


@pytest.mark.parametrize("name", ["us_equity", "fx", "crypto", "utc", "equity:Asia/Tokyo", "equity:Europe/Berlin"])
def test_a_market_is_found_by_its_name(name: str) -> None:
    market = parse_market(name)
    assert (market.name, market.inferred) == (name, False)
    assert market.days_a_year == (365 if name == "crypto" else 252)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("forex", "fx"),
        ("us_equities", "us_equity"),
        ("equity:Asia/Tokio", "equity:Asia/Tokyo"),
        ("equity:asia/tokyo", "equity:Asia/Tokyo"),
        ("equity:", ""),
        ("equity:../../etc/passwd", ""),
        ("equity:America", ""),
        ("", ""),
    ],
)
def test_an_unknown_market_is_refused_with_those_there_are(name: str, near: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_market(name)
    assert refused.value.details["field"] == "market"
    assert near in refused.value.message


@pytest.mark.parametrize("timeframe", ["1m", "30m", "1h", "4h"])
def test_intraday_bars_from_sunday_evening_are_foreign_exchange(timeframe: str) -> None:
    step = timeframe.replace("m", "min")
    index = of_fx(opens("2024-01-01", "2024-04-01", step))
    if timeframe == "4h":  # the bar of 20:00 holds the first hours
        index = opens("2024-01-01", "2024-04-01", step)
        index = index[(index.day_of_week < 5) | ((index.day_of_week == 6) & (index.hour == 20))]
    assert inferred(index, Timeframe(timeframe)) == "fx"


def test_a_single_week_of_foreign_exchange_is_recognised() -> None:
    assert inferred(of_fx(opens("2024-01-07", "2024-01-13", "1h")), Timeframe.H1) == "fx"


def test_bars_on_every_day_are_of_a_market_that_never_closes() -> None:
    assert inferred(opens("2024-01-01", "2024-01-15", "1D"), Timeframe.D1) == "crypto"
    assert inferred(opens("2024-01-01", "2024-01-15", "1h"), Timeframe.H1) == "crypto"
    assert inferred(opens("2024-01-01", "2024-01-14", "1D"), Timeframe.D1) == "utc"


def test_half_the_weekends_are_enough_and_less_is_not() -> None:
    days = opens("2024-01-01", "2024-02-26", "1D")
    weekend = np.array(days.day_of_week >= 5)
    kept = np.ones(len(days), bool)
    kept[np.flatnonzero(weekend)[::4]] = False
    assert inferred(days[kept], Timeframe.D1) == "crypto"
    assert inferred(days[~weekend | (np.arange(len(days)) < 21)], Timeframe.D1) == "utc"


@pytest.mark.parametrize("rest", [(4, 5), (5, 6)])
def test_five_sessions_a_week_are_no_market_that_never_closes(rest: tuple[int, int]) -> None:
    days = opens("2021-01-03", "2022-12-30", "1D")
    assert inferred(days[~days.day_of_week.isin(rest)], Timeframe.D1) == "utc"
    hours = opens("2021-01-03", "2021-06-30", "1h")
    assert inferred(hours[~hours.day_of_week.isin(rest) & (hours.hour > 6) & (hours.hour < 16)], Timeframe.H1) == "utc"


def test_one_bar_on_a_sunday_changes_nothing() -> None:
    hours = opens("2021-01-04", "2021-06-30", "1h")
    weekdays = hours[hours.day_of_week < 5]
    sunday = pd.DatetimeIndex(["2021-03-07 22:00"]).tz_localize("UTC")
    assert inferred(weekdays.union(sunday), Timeframe.H1) == "utc"


def test_daily_and_weekly_bars_are_never_taken_for_foreign_exchange() -> None:
    local = pd.date_range("2024-01-01 17:00", "2024-12-31", tz="America/New_York")
    daily = local[local.day_of_week.isin([6, 0, 1, 2, 3])].tz_convert("UTC")
    assert inferred(daily, Timeframe.D1) == "utc"
    assert inferred(opens("2024-01-07 22:00", "2024-12-31", "7D"), Timeframe.W1) == "utc"


def test_a_single_bar_is_of_no_known_market() -> None:
    assert inferred(opens("2024-01-02", "2024-01-03", "1D"), Timeframe.D1) == "utc"


def test_shipped_prices_carry_their_market() -> None:
    store = BarStore((shipped_root(),))
    said = json.loads((shipped_root() / "data" / "markets.json").read_text(encoding="utf-8"))
    assert set(said) == {f"{symbol}_{timeframe}" for symbol, timeframe in store.datasets()}
    for symbol, timeframe in store.datasets():
        market = store.load(symbol, timeframe).market
        assert market == (FX if symbol == "EURUSD" else US_EQUITY)
        assert not market.inferred


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    (tmp_path / "data").mkdir()
    return BarStore((tmp_path, shipped_root()))


def test_what_the_user_says_of_a_shipped_file_wins_and_leaves_it_alone(store: BarStore, tmp_path: Path) -> None:
    shipped = store.path("EURUSD", Timeframe.H1)
    before = shipped.read_bytes()
    write_market(shipped, UTC, tmp_path / "data")
    assert store.load("EURUSD", "1h").market == UTC
    assert store.load("SPX", "1d").market == US_EQUITY
    assert shipped.read_bytes() == before


def test_the_market_of_a_csv_file_is_kept_beside_it(store: BarStore, tmp_path: Path) -> None:
    path = write(tmp_path / "data", CSV)
    before = path.read_bytes()
    assert store.load("TEST", "1h").market.inferred
    write_market(path, CRYPTO, tmp_path / "data")
    market = store.load("TEST", "1h").market
    assert (market, market.inferred) == (CRYPTO, False)
    assert path.read_bytes() == before


def test_a_user_s_own_file_has_nothing_of_a_shipped_one(store: BarStore, tmp_path: Path) -> None:
    write(tmp_path / "data", CSV, name="EURUSD_1h.csv")
    assert store.load("EURUSD", "1h").market.inferred


def test_a_parquet_file_carries_its_market_and_keeps_its_other_columns(store: BarStore, tmp_path: Path) -> None:
    series = bars(list(range(5)))
    path = tmp_path / "data" / "TEST_1h.parquet"
    write_parquet(series, path, notes={"ktrdr": "{}"})
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.append_column("spread", pa.array([1.0] * 5)), path)
    write_market(path, parse_market("equity:Asia/Tokyo"), tmp_path / "data")
    loaded = store.load("TEST", "1h")
    assert loaded.market.name == "equity:Asia/Tokyo"
    assert loaded.sha256() == series.sha256()
    assert "spread" in pyarrow.parquet.read_schema(path).names
    assert read_notes(path)["ktrdr"] == "{}"
    assert not (tmp_path / "data" / "markets.json").exists()
    write_parquet(loaded, path)
    assert store.load("TEST", "1h").market.name == "equity:Asia/Tokyo"


def test_a_part_of_a_series_has_the_market_of_the_whole(store: BarStore) -> None:
    hours = store.load("EURUSD", "1h")
    assert hours.between(30, 40).market == FX


@pytest.mark.parametrize("said", ["{", "[]", '{"EURUSD_1h": 5}', '{"EURUSD_1h": "forexx"}'])
def test_a_broken_file_of_markets_is_named(store: BarStore, tmp_path: Path, said: str) -> None:
    (tmp_path / "data" / "markets.json").write_text(said)
    with pytest.raises(DataError, match=r"markets\.json"):
        store.load("EURUSD", "1h")
    (tmp_path / "data" / "markets.json").unlink()
    assert store.load("EURUSD", "1h").market == FX
