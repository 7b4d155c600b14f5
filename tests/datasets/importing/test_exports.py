"""Files as their makers write them: each gives the bars that are in it, and says how it was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.bars.dates import parse_stamp
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.importing.assembly import ImportedBars
from ktrdr_engine.datasets.importing.options import parse_options
from ktrdr_engine.datasets.importing.reading import read_export

EXPORTS = Path(__file__).parent / "exports"
EURUSD = [1.05155, 1.05197, 1.051, 1.0517, 1204]
APPLE = [115.8, 116.33, 114.76, 116.15, 28781865]


def read(path: Path, timezone: str | None = None) -> ImportedBars:
    return read_export(path, "TEST", Timeframe.H1, parse_options(None, None, timezone), lambda *_: None)


@pytest.mark.parametrize(
    ("name", "bars", "first", "last", "prices"),
    [
        ("alphavantage.csv", 2, "2017-01-03", "2017-01-04", APPLE),
        ("alphavantage-json.csv", 2, "2017-01-03", "2017-01-04", APPLE),
        ("binance-ms.csv", 2, "2024-01-01", "2024-01-01 01:00", [42283.58, 42554.57, 42261.02, 42475.23, 1271.68108]),
        ("binance-us.csv", 2, "2025-01-01", "2025-01-01 01:00", [93576.0, 94509.42, 93489.03, 94401.14, 755.9901]),
        ("binance-header.csv", 2, "2024-01-01", "2024-01-01 01:00", [42283.5, 42554.5, 42261.0, 42475.2, 1271.681]),
        ("comments.csv", 2, "2017-01-03", "2017-01-04", APPLE),
        ("cryptodatadownload.csv", 2, "2017-01-02", "2017-01-02 01:00", [998.5, 1003.0, 997.1, 1001.25, 55.12345678]),
        ("dukascopy.csv", 2, "2017-01-02", "2017-01-02 01:00", [*EURUSD[:4], 1204.5]),
        ("dukascopy-local.csv", 2, "2017-01-02", "2017-01-02 01:00", [*EURUSD[:4], 1204.5]),
        ("german-excel.csv", 2, "2017-01-03", "2017-01-04", [1115.8, 1116.33, 1114.76, 1116.15, 28781865]),
        ("histdata.csv", 2, "2017-01-02 02:00", "2017-01-02 03:00", [*EURUSD[:4], 0]),
        ("investing.csv", 2, "2017-01-03", "2017-01-04", [1115.8, 1116.33, 1114.76, 1116.15, 28_780_000]),
        ("kraken.csv", 2, "2017-01-02", "2017-01-02 01:00", [998.5, 1003.0, 997.1, 1001.25, 55.12345678]),
        ("mt4.csv", 3, "2017-01-02", "2017-01-02 02:00", EURUSD),
        ("mt5.csv", 2, "2017-01-02", "2017-01-02 01:00", EURUSD),
        ("mt5-daily.tsv", 2, "2017-01-02", "2017-01-03", [*EURUSD[:4], 5500]),
        ("nasdaq.csv", 2, "2017-01-13", "2017-01-17", [119.11, 119.62, 118.81, 119.04, 26111950]),
        ("pandas.csv", 2, "2017-01-03", "2017-01-04", APPLE),
        ("stooq.csv", 2, "2017-01-03", "2017-01-04", [26.811, 26.933, 26.57, 26.892, 122870200]),
        ("stooq-bulk.txt", 2, "2017-01-03 16:00", "2017-01-03 17:00", [27, 27.2, 26.9, 27.1, 1000]),
        ("tradingview.csv", 2, "2017-01-02", "2017-01-02 01:00", EURUSD),
        ("tradingview-iso.csv", 2, "2017-01-02", "2017-01-02 01:00", EURUSD),
        ("utf16.txt", 2, "2017-01-03", "2017-01-04", APPLE),
        ("yahoo.csv", 3, "2017-01-03", "2017-01-06", [115.800003, 116.330002, 114.760002, 116.150002, 28781900]),
        ("yfinance.csv", 3, "2017-01-03", "2017-01-05",
         [26.811503, 26.93363018585062, 26.570147, 26.891956329345703, 115127600]),
        ("yfinance-old.csv", 2, "2017-01-03", "2017-01-04", [28.95, 29.0825, 28.69, 29.0375, 115127600]),
        ("yfinance-ticker.csv", 2, "2017-01-03 05:00", "2017-07-05 04:00",
         [26.811503, 26.93363, 26.570147, 26.891956, 115127600]),
    ],
)  # fmt: skip
def test_an_export_gives_the_bars_that_are_in_it(
    name: str, bars: int, first: str, last: str, prices: list[float]
) -> None:
    series = read(EXPORTS / name).series
    assert len(series) == bars
    assert [int(series.timestamp[row]) for row in (0, -1)] == [parse_stamp(text)[0] for text in (first, last)]
    assert series.prices[:, 0].tolist() == prices


def test_every_export_has_its_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in EXPORTS.iterdir() if f'"{path.name}"' not in text] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yahoo.csv", ["Yahoo", "Row 3 without prices", "not used: Adj Close"]),
        ("mt5.csv", ["MT5", "tabs", "YYYY.MM.DD", "taken as UTC", "broker", "<TICKVOL>", "not used: <SPREAD>"]),
        ("histdata.csv", ["HistData", "Etc/GMT+5"]),
        ("investing.csv", ["Investing.com", "newest first", "not used: Change %"]),
        ("german-excel.csv", ["semicolons", "decimal commas", "DD.MM.YYYY"]),
        ("binance-ms.csv", ["Binance", "no header", "quote volume"]),
        ("cryptodatadownload.csv", ["CryptoDataDownload", "newest first", "Volume USDT"]),
    ],
)
def test_what_was_recognised_left_out_and_not_used_is_said(name: str, words: list[str]) -> None:
    notes = " ".join(read(EXPORTS / name).notes)
    assert [word for word in words if word not in notes] == []


def test_a_broker_s_times_are_turned_into_utc_by_the_zone_given() -> None:
    series = read(EXPORTS / "mt4.csv", "Europe/Athens").series
    assert int(series.timestamp[0]) == parse_stamp("2017-01-01 22:00")[0]


def test_new_york_s_winter_time_is_five_hours_behind() -> None:
    series = read(EXPORTS / "histdata.csv", "Etc/GMT+5").series
    assert int(series.timestamp[0]) == parse_stamp("2017-01-02 07:00")[0]
