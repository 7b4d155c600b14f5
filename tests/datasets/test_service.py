"""Loads through the operations service: what they bring, what they refuse, and that nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ktrdr_engine.authoring.library import Library
from ktrdr_engine.bars.files import write_parquet
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.datasets.listing import dataset_page
from ktrdr_engine.datasets.models import LoadResults
from ktrdr_engine.datasets.service import DataLoadingService
from ktrdr_engine.errors import DataError, DatasetBusy, InvalidRequest, KtrdrError, SourceNotInstalled, StorageError
from ktrdr_engine.trash import Trash
from tests.datasets.conftest import Lab
from tests.datasets.prices import bars, csv, put

TEN = list(range(10))


async def test_a_csv_becomes_a_dataset_that_is_there_at_once(lab: Lab) -> None:
    series = bars(TEN)
    results = await lab.loaded(path=put(lab.home, csv(series)))
    assert lab.bars.load("TEST", "1h").sha256() == series.sha256()
    assert results.keys() == LoadResults.model_fields.keys()
    assert (results["bars"], results["new_bars"], results["conflicts"]) == (10, 10, 0)
    assert (results["first_bar"], results["last_bar"]) == ("2024-01-01T00:00:00Z", "2024-01-01T09:00:00Z")
    assert results["provenance"] == {"sha256_before": None, "sha256_after": series.sha256()}


async def test_a_parquet_file_can_be_imported_and_cut_by_dates(lab: Lab) -> None:
    put(lab.home, "")
    write_parquet(bars(list(range(72))), lab.home / "imports" / "prices.parquet")
    results = await lab.loaded(path="imports/prices.parquet", start_date="2024-01-02", end_date="2024-01-02")
    assert (results["bars"], results["first_bar"], results["last_bar"]) == (
        24,
        "2024-01-02T00:00:00Z",
        "2024-01-02T23:00:00Z",
    )


async def test_bars_already_read_give_way_to_those_a_load_brought(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(TEN))))
    assert len(lab.bars.load("TEST", "1h")) == 10
    await lab.loaded(path=put(lab.home, csv(bars([10, 11]))))
    assert len(lab.bars.load("TEST", "1h")) == 12


async def test_a_repeat_changes_nothing(lab: Lab) -> None:
    name = put(lab.home, csv(bars(TEN)))
    await lab.loaded(path=name)
    before = (lab.home / "data" / "TEST_1h.parquet").stat()
    results = await lab.loaded(path=name)
    assert (results["new_bars"], results["bars"], results["notes"]) == (0, 10, [])
    assert results["provenance"]["sha256_before"] == results["provenance"]["sha256_after"]
    assert (lab.home / "data" / "TEST_1h.parquet").stat().st_mtime_ns == before.st_mtime_ns


async def test_conflicting_bars_are_reported_and_those_there_are_kept(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(TEN))))
    results = await lab.loaded(path=put(lab.home, csv(bars([8, 9, 10], base=200.0))))
    assert (results["conflicts"], results["new_bars"], results["replaced_bars"]) == (2, 1, 0)
    assert results["first_conflicts"][0] == {
        "timestamp": "2024-01-01T08:00:00Z",
        "field": "open",
        "there": 107.5,
        "offered": 207.5,
    }
    assert any("were kept; on_conflict='replace' takes the new" in note for note in results["notes"])
    assert lab.bars.load("TEST", "1h").close[8] == 108.0


async def test_replacing_is_done_when_asked_for(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(TEN))))
    results = await lab.loaded(path=put(lab.home, csv(bars([8, 9], base=200.0))), on_conflict="replace")
    assert (results["conflicts"], results["new_bars"], results["replaced_bars"], results["bars"]) == (2, 0, 2, 10)
    assert lab.bars.load("TEST", "1h").close[7:9].tolist() == [107.0, 208.0]


async def test_shipped_bars_are_taken_over_into_the_users_file(lab: Lab) -> None:
    shipped = BarStore((shipped_root(),)).load("SPX", "1d")
    more = bars([0, 1], symbol="SPX", timeframe=Timeframe.D1)
    results = await lab.loaded(symbol="SPX", timeframe="1d", path=put(lab.home, csv(more)))
    assert (results["bars"], results["new_bars"]) == (len(shipped) + 2, 2)
    assert results["provenance"]["sha256_before"] == shipped.sha256()
    assert any("5031 shipped bars were taken over" in note for note in results["notes"])
    assert lab.bars.summary("SPX", "1d").source == "user"


async def test_a_load_over_shipped_bars_is_undone_by_a_restore(lab: Lab) -> None:
    shipped = BarStore((shipped_root(),)).load("SPX", "1d")
    more = bars([0, 1], symbol="SPX", timeframe=Timeframe.D1)
    results = await lab.loaded(symbol="SPX", timeframe="1d", path=put(lab.home, csv(more)))
    assert any("library restore dataset SPX_1d" in note for note in results["notes"])
    (entry,) = Trash(lab.home).entries("dataset", "SPX_1d")
    assert Trash(lab.home).paths(entry)[0].read_bytes() == (shipped_root() / "data" / "SPX_1d.csv").read_bytes()
    Library(lab.home).restore("dataset", "SPX_1d")
    assert lab.bars.load("SPX", "1d").sha256() == shipped.sha256()
    assert lab.bars.summary("SPX", "1d").source == "shipped"


@pytest.mark.parametrize("on_conflict", ["keep", "replace"])
async def test_bars_that_a_file_changes_or_adds_to_are_kept_once(lab: Lab, on_conflict: str) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(TEN))))
    before = lab.bars.load("TEST", "1h").sha256()
    await lab.loaded(path=put(lab.home, csv(bars([8, 9, 10], base=170))), on_conflict=on_conflict)
    assert len(Trash(lab.home).entries()) == 1
    Library(lab.home).restore("dataset", "TEST_1h")
    assert lab.bars.load("TEST", "1h").sha256() == before


async def test_a_load_that_changes_nothing_leaves_nothing_in_the_trash(lab: Lab) -> None:
    name = put(lab.home, csv(bars(TEN)))
    await lab.loaded(path=name)
    results = await lab.loaded(path=name, on_conflict="replace")
    assert Trash(lab.home).entries() == []
    assert results["notes"] == []


async def test_a_users_csv_is_taken_over_as_well(lab: Lab) -> None:
    (lab.home / "data").mkdir(parents=True)
    (lab.home / "data" / "TEST_1h.csv").write_text(csv(bars(TEN)))
    results = await lab.loaded(path=put(lab.home, csv(bars([10]))))
    assert (results["bars"], results["new_bars"]) == (11, 1)
    assert len(lab.bars.load("TEST", "1h")) == 11


async def test_a_symbol_with_a_slash_is_listed_with_a_dash_and_the_load_says_so(lab: Lab) -> None:
    results = await lab.loaded(symbol="BTC/USDT", path=put(lab.home, csv(bars(TEN))))
    assert results["symbol"] == "BTC-USDT"
    assert "BTC-USDT" in results["notes"][0]
    assert ("BTC-USDT", "1h") in lab.bars.datasets()


async def test_gaps_are_reported_the_longest_first(lab: Lab) -> None:
    hours = [hour for hour in range(168 * 6) if hour != 200 and not 300 <= hour < 304]
    results = await lab.loaded(path=put(lab.home, csv(bars(hours))))
    assert (results["gaps"], results["missing_bars"]) == (2, 5)
    assert results["longest_gaps"][0] == {"first": "2024-01-13T12:00:00Z", "last": "2024-01-13T15:00:00Z", "bars": 4}


async def test_a_large_file_comes_in_segments(lab: Lab) -> None:
    operation = await lab.load(
        timeframe="1m", path=put(lab.home, csv(bars(list(range(120_000)), timeframe=Timeframe.M1)))
    )
    assert operation.status == "COMPLETED"
    page = await lab.operations.get_operation_metrics(operation.operation_id)
    assert [(row["segment"], row["of"], row["new"]) for row in page.metrics["segments"]] == [
        (1, 3, 50_000),
        (2, 3, 50_000),
        (3, 3, 20_000),
    ]
    assert page.metrics["segments"][0] == {
        "segment": 1,
        "of": 3,
        "first": "2024-01-01T00:00:00Z",
        "last": "2024-02-04T17:19:00Z",
        "bars": 50_000,
        "new": 50_000,
        "conflicts": 0,
        "status": "merged",
    }
    assert operation.progress.context["new_bars"] == 120_000
    assert len(lab.bars.load("TEST", "1m")) == 120_000


async def test_longer_bars_are_made_of_the_longest_shorter_ones(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(list(range(50))))))
    results = await lab.loaded(timeframe="4h", source="resample")
    assert (results["bars"], results["last_bar"]) == (12, "2024-01-02T20:00:00Z")
    whole = resample(lab.bars.load("TEST", "1h"), Timeframe.H4)
    assert lab.bars.load("TEST", "4h").sha256() == whole.between(0, 12).sha256()
    await lab.loaded(timeframe="1d", source="resample:1h")
    assert len(lab.bars.load("TEST", "1d")) == 2


async def test_too_few_short_bars_make_no_long_one(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars([0, 1, 2]))))
    operation = await lab.load(timeframe="4h", source="resample")
    assert operation.error is not None
    assert "2024-01-01T00:00:00Z to 2024-01-01T03:00:00Z, do not fill one 4h bar" in operation.error.message


async def test_a_longer_bar_that_began_before_the_shorter_ones_is_left_out(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(list(range(2, 12))))))
    assert (await lab.loaded(timeframe="4h", source="resample"))["first_bar"] == "2024-01-01T04:00:00Z"
    await lab.loaded(path=put(lab.home, csv(bars([0, 1]))))
    results = await lab.loaded(timeframe="4h", source="resample")
    assert (results["first_bar"], results["new_bars"], results["conflicts"]) == ("2024-01-01T00:00:00Z", 1, 0)


async def test_resampling_goes_on_once_there_are_more_short_bars(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, csv(bars(list(range(50))))))
    await lab.loaded(timeframe="4h", source="resample")
    await lab.loaded(path=put(lab.home, csv(bars(list(range(50, 60))))))
    results = await lab.loaded(timeframe="4h", source="resample")
    assert (results["bars"], results["new_bars"], results["conflicts"]) == (15, 3, 0)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("2024-01-02T03:00:00Z,1,2,0.5,nan,1", "row 11: close: the value is missing"),
        ("2024-01-01T09:00:00Z,1,2,0.5,1,1", "row 11: the same time as row 10"),
        ("2024-01-02T00:00:00Z,1,2,0.5,-1,1", "row 11.*close is -1"),
        ("yesterday,1,2,0.5,1,1", "row 11: the time 'yesterday'"),
    ],
)
async def test_a_broken_row_refuses_the_whole_file_and_is_named(lab: Lab, broken: str, message: str) -> None:
    text = csv(bars(TEN)) + broken + "\n"
    operation = await lab.load(path=put(lab.home, text))
    assert operation.status == "FAILED"
    assert operation.error is not None
    assert operation.error.code == "data_error"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(operation.error.message)
    assert operation.results is None
    assert ("TEST", "1h") not in lab.bars.datasets()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,open,high,low,close\n2024-01-01,1,1,1,1\n", "it has no volume"),
        ("", "the file is empty"),
        ("timestamp,open,high,low,close,volume\n", "no bars in it"),
    ],
)
async def test_a_file_that_is_no_price_file_fails_with_what_is_missing(lab: Lab, text: str, message: str) -> None:
    operation = await lab.load(path=put(lab.home, text))
    assert operation.error is not None
    assert message in operation.error.message


async def test_bars_of_another_length_are_refused(lab: Lab) -> None:
    operation = await lab.load(timeframe="1m", path=put(lab.home, csv(bars(list(range(20))))))
    assert operation.error is not None
    assert "most are 60 minutes apart" in operation.error.message


async def test_a_range_without_bars_is_refused_with_what_there_is(lab: Lab) -> None:
    operation = await lab.load(path=put(lab.home, csv(bars(TEN))), start_date="2025-01-01")
    assert operation.error is not None
    assert "Available: 2024-01-01T00:00:00Z to 2024-01-01T09:00:00Z" in operation.error.message


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "fiel"}, InvalidRequest, "Did you mean 'file'"),
        ({"source": "ccxt"}, InvalidRequest, "source='ccxt' is not known"),
        ({"source": "file:x", "path": "x"}, InvalidRequest, "not known"),
        ({}, InvalidRequest, r"needs path: .* There is prices\.csv"),
        ({"path": "price.csv"}, DataError, "Did you mean 'prices'.*KTRDR_HOME/imports only"),
        ({"path": "../data/TEST_1h.csv"}, DataError, "not a name inside imports/"),
        ({"path": "/etc/passwd"}, DataError, "not a name inside imports/"),
        ({"path": "link.csv"}, DataError, "a link that leaves imports/"),
        ({"source": "yahoo", "path": "prices.csv"}, InvalidRequest, "goes with source='file' only"),
        ({"source": "yahoo"}, InvalidRequest, "start_date is missing"),
        ({"source": "yahoo", "start_date": "2030-01-01"}, InvalidRequest, "has closed yet"),
        (
            {"source": "yahoo", "timeframe": "4h", "start_date": "2024-01-01"},
            DataError,
            "load 1h bars, then .*resample",
        ),
        (
            {"source": "yahoo", "timeframe": "1w", "start_date": "2024-01-01"},
            DataError,
            "load 1d bars, then .*resample",
        ),
        ({"source": "ccxt:binanec", "start_date": "2024-01-01"}, InvalidRequest, "Did you mean 'binance'"),
        ({"source": "ccxt:kraken", "timeframe": "2h"}, DataError, "'2h' is not a timeframe"),
        ({"source": "resample"}, DataError, "No shorter bars of TEST"),
        ({"source": "resample:5m"}, DataError, "No shorter bars of TEST"),
        ({"path": "prices.csv", "start_date": "soon"}, InvalidRequest, "not an ISO-8601 date"),
        ({"path": "prices.csv", "start_date": "2024-02-01", "end_date": "2024-01-01"}, InvalidRequest, "swap them"),
        ({"path": "prices.csv", "timeframe": "1H"}, DataError, "Did you mean '1h'"),
        ({"path": "prices.csv", "symbol": "../x"}, InvalidRequest, "symbol.*such as AAPL"),
        ({"path": "prices.csv", "symbol": "x y"}, InvalidRequest, "symbol"),
        ({"path": "prices.csv", "on_conflict": "maybe"}, InvalidRequest, "on_conflict"),
        ({"path": "prices.csv", "startdate": "2024"}, InvalidRequest, "Did you mean 'start_date'"),
    ],
)
async def test_what_cannot_work_is_refused_before_there_is_an_operation(
    lab: Lab, tmp_path: Path, arguments: dict[str, Any], error: type[KtrdrError], message: str
) -> None:
    put(lab.home, csv(bars(TEN)))
    (tmp_path / "secret.csv").write_text(csv(bars(TEN)))
    (lab.home / "imports" / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(error, match=message):
        await lab.load(**arguments)
    assert (await lab.operations.list_operations()).total == 0


@pytest.mark.parametrize(("source", "module"), [("yahoo", "yfinance"), ("ccxt:kraken", "ccxt")])
async def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, source: str, module: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == module else object())
    with pytest.raises(SourceNotInstalled, match=rf"pip install 'ktrdr\[{source.split(':')[0]}\]'"):
        await lab.load(source=source, start_date="2024-01-01")


async def test_a_second_load_of_a_dataset_is_refused_while_one_writes_it(lab: Lab) -> None:
    name = put(lab.home, csv(bars(TEN)))
    with DatasetFile(lab.home, "TEST", "1h").locked(), pytest.raises(DatasetBusy, match="wait until it has ended"):
        await lab.load(path=name)
    assert (await lab.loaded(path=name))["bars"] == 10


async def test_a_home_that_cannot_be_written_is_named_before_there_is_an_operation(lab: Lab) -> None:
    name = put(lab.home, csv(bars(TEN)))
    (lab.home / "data").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        await lab.load(path=name)


async def test_the_metadata_say_what_was_understood(lab: Lab) -> None:
    operation = await lab.load(symbol="BTC/USDT", path=put(lab.home, csv(bars(TEN))))
    assert operation.metadata == {
        "symbol": "BTC/USDT",
        "timeframe": "1h",
        "source": "file",
        "start_date": None,
        "end_date": None,
        "path": "prices.csv",
        "format": None,
        "date_format": None,
        "timezone": None,
        "market": None,
        "on_conflict": "keep",
        "stored_symbol": "BTC-USDT",
    }
    assert operation.operation_id.startswith("op_data_")


def test_the_headline_says_what_came() -> None:
    results = {"symbol": "TEST", "timeframe": "1h", "bars": 12, "new_bars": 2, "gaps": 1}
    assert DataLoadingService.headline(results) == "TEST 1h: 2 new bars, 12 in all, 1 gaps"
    assert DataLoadingService.headline({"total_return": 0.1}) is None


async def test_a_list_counts_gaps_of_any_length_and_dates_the_longest(lab: Lab) -> None:
    left = [day for day in range(2000) if day % 7 < 5 and not 700 <= day < 910 and not 30 <= day < 33]
    await lab.loaded(timeframe="1d", path=put(lab.home, csv(bars(left, timeframe=Timeframe.D1))))
    row = next(one for one in dataset_page(lab.bars).datasets if one.symbol == "TEST")
    assert row.gaps == 2
    assert row.longest_gap is not None
    assert (row.longest_gap.first, row.longest_gap.last) == ("2025-12-01T00:00:00Z", "2026-06-26T00:00:00Z")
    assert row.longest_gap.bars == 150
    quiet = next(one for one in dataset_page(lab.bars).datasets if one.symbol == "EURUSD")
    assert (quiet.gaps, quiet.longest_gap) == (0, None)
