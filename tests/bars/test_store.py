from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ktrdr_engine.bars import store as store_module
from ktrdr_engine.bars.files import write_parquet
from ktrdr_engine.bars.market import UTC
from ktrdr_engine.bars.store import BarStore, DatasetSummary
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError
from tests.bars.columns import CSV, HOUR, NEW_YEAR, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "user" / "data"
    data.mkdir(parents=True)
    return data


@pytest.fixture
def store(folder: Path) -> BarStore:
    return BarStore((folder.parent,))


def test_datasets_are_told_by_file_names(folder: Path, store: BarStore) -> None:
    for name in ("EURUSD_1h.csv", "EURUSD_1h.parquet", "BRK.B_1d.csv", "A_B-c_5m.parquet", "EURUSD_4h.csv"):
        (folder / name).touch()
    for name in ("README.md", "EURUSD.csv", "EURUSD_2h.csv", "_1h.csv", "EUR USD_1h.csv", ".x_1h.csv"):
        (folder / name).touch()
    assert store.datasets() == [("A_B-c", "5m"), ("BRK.B", "1d"), ("EURUSD", "1h"), ("EURUSD", "4h")]


SPELLINGS = [
    ("BTC/USDT", "BTC-USDT_1h.csv"),
    ("BTC-USDT", "BTC-USDT_1h.csv"),
    ("BTC/USDT:USDT", "BTC-USDT%3AUSDT_1h.csv"),
    ("M&M.NS", "M&M.NS_1h.csv"),
    ("^GSPC", "^GSPC_1h.csv"),
    ("币安人生/USDT", "币安人生-USDT_1h.csv"),
    ("CON.X", "%43ON.X_1h.csv"),
    ("CON.X", "CON.X_1h.csv"),
    ("Ö", "O\u0308_1h.csv"),
]


@pytest.mark.parametrize(("symbol", "file"), SPELLINGS)
def test_bars_are_found_under_every_spelling_of_their_symbol(
    folder: Path, store: BarStore, symbol: str, file: str
) -> None:
    write(folder, CSV, file)
    name = symbol.replace("/", "-")
    assert store.datasets() == [(name, "1h")]
    assert store.load(symbol, "1h").symbol == store.load(name, "1h").symbol == name
    assert store.summary(symbol, "1h").symbol == name
    assert store.name_of(symbol, "1h") == name


def test_bars_kept_under_a_former_name_are_found_by_what_their_source_was_asked_for(
    folder: Path, store: BarStore
) -> None:
    write(folder, CSV, "TEST_1h.csv")
    bars = store.load("TEST", "1h")
    notes = {"ktrdr": '{"sources": ["yahoo EURUSD=X"], "covered": {}}'}
    write_parquet(bars, folder / "EURUSD-X_1h.parquet", notes=notes)
    write_parquet(bars, folder / "GSPC_1h.parquet", notes={"ktrdr": '{"sources": ["yahoo GSPC"], "covered": {}}'})
    assert store.load("EURUSD=X", "1h").symbol == store.name_of("EURUSD=X", "1h") == "EURUSD-X"
    assert store.name_of("^GSPC", "1h") == "^GSPC"
    with pytest.raises(DataError, match="Did you mean 'GSPC'"):
        store.load("^GSPC", "1h")


def test_a_symbol_that_differs_in_case_alone_gets_no_file_of_its_own(folder: Path, store: BarStore) -> None:
    write(folder, CSV, "kPEPE_1h.csv")
    with pytest.raises(DataError, match="Use 'kPEPE'"):
        store.name_of("KPEPE", "1h")
    assert store.name_of("KPEPE", "1d") == "KPEPE"


@pytest.mark.parametrize("symbol", ["", "A B", "A" * 65, "../x", "🚀"])
def test_what_is_no_symbol_is_answered_with_the_rule(store: BarStore, symbol: str) -> None:
    with pytest.raises(DataError, match="letters") as refused:
        store.load(symbol, "1h")
    assert refused.value.details["field"] == "symbol"


def test_no_folder_is_no_data(tmp_path: Path) -> None:
    store = BarStore((tmp_path / "nowhere",))
    assert store.datasets() == []
    with pytest.raises(DataError, match=r"No prices for symbol 'EURUSD'\.$"):
        store.load("EURUSD", "1h")


def test_a_symbol_with_a_dot_is_found(folder: Path, store: BarStore) -> None:
    write(folder, CSV, "BRK.B_1h.csv")
    assert store.load("BRK.B", "1h").symbol == "BRK.B"


def test_parquet_comes_before_csv(folder: Path, store: BarStore) -> None:
    write(folder, CSV, "TEST_1h.csv")
    write_parquet(store.load("TEST", "1h").between(0, 2), folder / "TEST_1h.parquet")
    assert len(store.load("TEST", "1h")) == 2


def test_the_users_file_wins_over_the_shipped_one(folder: Path) -> None:
    write(folder, CSV, "EURUSD_1h.csv")
    store = BarStore((folder.parent, shipped_root()))
    assert len(store.load("EURUSD", "1h")) == 3
    assert store.summary("EURUSD", "1h").source == "user"
    assert store.summary("SPX", "1d").source == "shipped"


def test_a_summary_says_what_a_file_holds(folder: Path, store: BarStore) -> None:
    write(folder, CSV)
    assert store.summary("TEST", "1h") == DatasetSummary("TEST", "1h", 3, NEW_YEAR, NEW_YEAR + 2 * HOUR, "user", UTC)


@pytest.mark.parametrize(("symbol", "meant"), [("EURUSX", "EURUSD"), ("eurusd", "EURUSD"), ("APL", "AAPL")])
def test_an_unknown_symbol_is_refused_with_the_nearest(symbol: str, meant: str) -> None:
    with pytest.raises(DataError, match=f"No prices for symbol '{symbol}'. Did you mean '{meant}'"):
        BarStore((shipped_root(),)).load(symbol, "1h")


@pytest.mark.parametrize("symbol", ["../data/EURUSD", "/etc/passwd", "", "EURUSD_1h.csv\0", "..", "EURUSD/../EURUSD"])
def test_a_symbol_cannot_leave_the_folder(symbol: str) -> None:
    with pytest.raises(DataError, match="No prices for symbol"):
        BarStore((shipped_root(),)).load(symbol, "1h")


def test_a_link_out_of_the_folder_is_refused(folder: Path, store: BarStore, tmp_path: Path) -> None:
    (folder / "TEST_1h.csv").symlink_to(write(tmp_path, CSV))
    with pytest.raises(DataError, match="is a link that leaves data/"):
        store.load("TEST", "1h")


def test_another_timeframe_of_a_known_symbol_names_what_there_is() -> None:
    with pytest.raises(DataError, match=r"No 4h prices for EURUSD\. There is 1h\.") as caught:
        BarStore((shipped_root(),)).load("EURUSD", "4h")
    assert caught.value.details["known"] == ["1h"]


def test_the_timeframes_of_a_symbol_are_listed_shortest_first(folder: Path, store: BarStore) -> None:
    for timeframe in ("1w", "4h", "15m", "1d"):
        write(folder, CSV, f"TEST_{timeframe}.csv")
    assert store.timeframes("TEST") == ["15m", "4h", "1d", "1w"]
    assert store.timeframes("NOTHING") == []


def test_a_timeframe_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match=r"'1hr' is not a timeframe\. Did you mean '1h'"):
        BarStore((shipped_root(),)).load("EURUSD", "1hr")


def test_a_file_is_read_once(folder: Path, store: BarStore) -> None:
    write(folder, CSV)
    assert store.load("TEST", "1h") is store.load("TEST", "1h")


def test_a_changed_file_is_read_again(folder: Path, store: BarStore) -> None:
    path = write(folder, CSV)
    before = store.load("TEST", "1h")
    write(folder, CSV.replace("50.5", "60.5"))
    os.utime(path, ns=(0, 0))
    assert store.load("TEST", "1h").volume[2] == 60.5
    assert before.volume[2] == 50.5


def test_a_broken_file_is_refused_until_it_is_repaired(folder: Path, store: BarStore) -> None:
    write(folder, CSV.replace("50.5", "x"))
    with pytest.raises(DataError, match="'x' is not a number"):
        store.load("TEST", "1h")
    write(folder, CSV)
    assert len(store.load("TEST", "1h")) == 3


def test_the_series_used_least_lately_leave_first(
    folder: Path, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ABC":
        write(folder, CSV, f"{name}_1h.csv")
    size = store.load("A", "1h").prices.nbytes
    monkeypatch.setattr(store_module, "_CACHE_BYTES", 2 * size)
    a, b = store.load("A", "1h"), store.load("B", "1h")
    assert store.load("A", "1h") is a
    store.load("C", "1h")
    assert store.load("A", "1h") is a
    assert store.load("B", "1h") is not b


def test_threads_may_load_at_once() -> None:
    store = BarStore((shipped_root(),))
    with ThreadPoolExecutor(4) as pool:
        digests = {series.sha256() for series in pool.map(lambda _: store.load("GOOG", "1d"), range(8))}
    assert len(digests) == 1


def test_reading_prices_does_not_load_pandas() -> None:
    code = """
import sys
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
BarStore((shipped_root(),)).load("GOOG", "1d")
print("pandas" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
