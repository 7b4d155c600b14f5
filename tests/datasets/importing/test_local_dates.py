"""Files whose daily times are local midnights, as yfinance and others write them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.datasets.conftest import Lab

DATES = pd.bdate_range("2021-01-04", "2022-12-30")
NOTE = "midnights"


def frame(index: pd.Index) -> pd.DataFrame:
    close = 100.0 + pd.Series(range(len(index)), dtype="float64").to_numpy() % 7
    prices = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": close}
    return pd.DataFrame(prices, index=index.rename("Date"))


def put(home: Path, name: str, rows: pd.DataFrame) -> str:
    path = home / "imports" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        rows.to_csv(path)
    else:
        rows.reset_index().to_parquet(path)
    return name


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata"])
async def test_a_daily_bar_at_a_local_midnight_is_of_that_date(lab: Lab, zone: str, suffix: str) -> None:
    results = await lab.loaded(timeframe="1d", path=put(lab.home, f"p.{suffix}", frame(DATES.tz_localize(zone))))
    stamps = lab.bars.load("TEST", "1d").timestamp
    assert stamps.tolist() == DATES.as_unit("ns").asi8.tolist()
    assert [note for note in results["notes"] if NOTE in note]
    assert (results["market"], results["gaps"]) == ("utc", 0)


async def test_dates_of_a_zone_that_the_request_names_are_dates(lab: Lab) -> None:
    name = put(lab.home, "p.csv", frame(DATES.strftime("%Y-%m-%d 00:00:00")))
    results = await lab.loaded(timeframe="1d", path=name, timezone="Asia/Tokyo")
    assert results["first_bar"] == "2021-01-04T00:00:00Z"


async def test_midnights_in_tokyo_written_as_utc_are_recognised(lab: Lab) -> None:
    name = put(lab.home, "p.csv", frame(DATES.tz_localize("Asia/Tokyo").tz_convert("UTC")))
    results = await lab.loaded(timeframe="1d", path=name)
    assert (results["first_bar"], results["bars"]) == ("2021-01-04T00:00:00Z", len(DATES))
    assert [note for note in results["notes"] if NOTE in note]


async def test_hours_and_days_that_open_at_another_time_keep_their_stamps(lab: Lab) -> None:
    hours = pd.date_range("2021-01-04", periods=48, freq="h", tz="Asia/Tokyo")
    results = await lab.loaded(path=put(lab.home, "h.csv", frame(hours)))
    assert results["first_bar"] == "2021-01-03T15:00:00Z"
    local = pd.date_range("2021-01-03 17:00", "2022-12-29 17:00", tz="America/New_York")
    opens = local[local.day_of_week.isin([6, 0, 1, 2, 3])]
    results = await lab.loaded(timeframe="1d", path=put(lab.home, "d.csv", frame(opens)), market="fx")
    assert results["first_bar"] == "2021-01-03T22:00:00Z"
    assert not [note for note in results["notes"] if NOTE in note]
