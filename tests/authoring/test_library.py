"""Whatever is deleted or written over by mistake can be had back; what is shipped is never deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ktrdr_engine.authoring.library import Library
from ktrdr_engine.authoring.shelves import Shelves
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.datasets.markets import say_market
from ktrdr_engine.errors import DataError, DatasetBusy, InputError, InvalidRequest, ModelError, StrategyError
from ktrdr_engine.trash import Kind

SHIPPED = (shipped_root() / "strategies" / "trend_rules.yaml").read_text()
MINE = SHIPPED.replace("name: trend_rules", "name: mine")
PRICES = "timestamp,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n"
OTHERS = PRICES.replace(",1,1,1,1,", ",2,2,2,2,")


@pytest.fixture
def library(home: Path) -> Library:
    return Library(home)


def test_a_strategy_comes_back_as_it_was(library: Library, shelves: Shelves) -> None:
    sha256 = shelves.strategies.save("mine", MINE).sha256
    done = library.delete("strategy", "strategies/mine.yaml")
    assert [(row.kind, row.name, row.why) for row in done.entries] == [("strategy", "mine", "deleted")]
    with pytest.raises(StrategyError):
        shelves.strategies.load("mine")
    library.restore("strategy", "mine")
    assert shelves.strategies.load("mine").sha256 == sha256


def test_a_strategy_that_was_saved_over_comes_back_and_goes_again(library: Library, shelves: Shelves) -> None:
    first = shelves.strategies.save("mine", MINE).sha256
    second = shelves.strategies.save("mine", MINE + "# changed\n", expected_sha256=first).sha256
    library.restore("strategy", "mine")
    assert shelves.strategies.load("mine").sha256 == first
    assert shelves.strategies.versions("mine") == [second]
    library.restore("strategy", "mine")
    assert shelves.strategies.load("mine").sha256 == second


def test_an_older_entry_is_restored_by_its_id(library: Library, shelves: Shelves) -> None:
    hashes = [shelves.strategies.save("mine", MINE).sha256]
    for text in ("# 1\n", "# 2\n"):
        hashes.append(shelves.strategies.save("mine", MINE + text, expected_sha256=hashes[-1]).sha256)
    oldest = library.entries("strategy", "mine").entries[-1].id
    library.restore("strategy", "mine", oldest.lstrip("0"))
    assert shelves.strategies.load("mine").sha256 == hashes[0]
    with pytest.raises(InvalidRequest) as refused:
        library.restore("strategy", "mine", "77")
    assert refused.value.details["field"] == "entry"


def test_a_shipped_strategy_that_was_hidden_by_a_save_is_found_again(library: Library, shelves: Shelves) -> None:
    shelves.strategies.save("trend_rules", SHIPPED + "# mine\n")
    assert shelves.strategies.source("trend_rules") == "user"
    library.restore("strategy", "trend_rules")
    assert shelves.strategies.source("trend_rules") == "shipped"
    library.restore("strategy", "trend_rules")
    assert shelves.strategies.load("trend_rules").text.endswith("# mine\n")


def test_deleting_what_hides_a_shipped_file_brings_that_one_back(
    library: Library, shelves: Shelves, home: Path
) -> None:
    (home / "data" / "AAPL_1d.csv").write_text(PRICES)
    assert shelves.bars.summary("AAPL", "1d").source == "user"
    library.delete("dataset", "AAPL_1d")
    assert shelves.bars.summary("AAPL", "1d").source == "shipped"


def test_without_an_entry_the_shipped_file_is_restored(library: Library, shelves: Shelves, home: Path) -> None:
    (home / "data" / "AAPL_1d.csv").write_text(PRICES)
    library.restore("dataset", "AAPL_1d")
    assert shelves.bars.summary("AAPL", "1d").source == "shipped"
    library.restore("dataset", "AAPL_1d")
    assert shelves.bars.summary("AAPL", "1d").bars == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("strategy", "trend_rules"), ("model", "rsi_mlp_v1.0.0.pt"), ("dataset", "EURUSD 1h")]
)
def test_a_shipped_file_is_refused(library: Library, kind: Kind, name: str) -> None:
    with pytest.raises(InvalidRequest, match="belongs to the installation"):
        library.delete(kind, name)
    with pytest.raises(InvalidRequest, match="in place"):
        library.restore(kind, name)


def test_a_model_comes_back(library: Library, shelves: Shelves, home: Path) -> None:
    shutil.copy(shipped_root() / "models" / "rsi_mlp_v1.0.0.pt", home / "models" / "mine_v1.0.0.pt")
    library.delete("model", "mine_v1.0.0")
    with pytest.raises(ModelError):
        shelves.models.load("mine_v1.0.0")
    library.restore("model", "models/mine_v1.0.0.pt")
    assert shelves.models.source("mine_v1.0.0") == "user"


@pytest.mark.parametrize("name", ["BTC/USDT_1h", "BTC-USDT 1h", "data/BTC-USDT_1h.csv"])
def test_a_dataset_is_named_in_any_spelling_and_takes_its_side_files_along(
    library: Library, home: Path, name: str
) -> None:
    data = home / "data"
    (data / "BTC-USDT_1h.csv").write_text(PRICES)
    (data / "BTC-USDT_1h.market.json").write_text("{}")
    (data / "BTC-USDT_1h.X_1h.csv").write_text(OTHERS)
    library.delete("dataset", name)
    assert [path.name for path in data.glob("BTC*")] == ["BTC-USDT_1h.X_1h.csv"]
    library.restore("dataset", name)
    assert (data / "BTC-USDT_1h.csv").read_text() == PRICES
    assert (data / "BTC-USDT_1h.market.json").read_text() == "{}"


def test_a_market_goes_and_comes_back_with_its_prices_and_never_to_later_ones_of_the_name(
    library: Library, home: Path
) -> None:
    path = home / "data" / "MINE_1d.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(PRICES)
    store = BarStore((home, shipped_root()))
    say_market("equity:Asia/Tokyo", "MINE", "1d", store, home)
    library.delete("dataset", "MINE_1d")
    path.write_text(OTHERS)
    assert store.load("MINE", "1d").market.inferred
    library.restore("dataset", "MINE_1d")
    assert store.load("MINE", "1d").market.name == "equity:Asia/Tokyo"
    library.restore("dataset", "MINE_1d")
    assert store.load("MINE", "1d").market.inferred


def test_what_was_said_of_a_shipped_file_is_not_said_of_one_in_its_place(library: Library, home: Path) -> None:
    store = BarStore((home, shipped_root()))
    say_market("utc", "AAPL", "1d", store, home)
    path = home / "data" / "AAPL_1d.csv"
    path.write_text(PRICES)
    assert store.load("AAPL", "1d").market.inferred
    library.delete("dataset", "AAPL_1d")
    market = store.load("AAPL", "1d").market
    assert (market.name, market.inferred) == ("utc", False)


def test_a_file_that_cannot_be_used_can_be_deleted(library: Library, home: Path) -> None:
    for kind, file in (("strategy", "strategies/x.yaml"), ("model", "models/x.pt"), ("dataset", "data/x_1h.parquet")):
        (home / file).write_text("nonsense")
        library.delete(kind, Path(file).stem)  # type: ignore[arg-type]  # they are the three kinds
        assert not (home / file).exists()


def test_restoring_another_kind_of_file_leaves_one_of_the_name(library: Library, home: Path) -> None:
    (home / "data" / "X_1d.csv").write_text(PRICES)
    library.delete("dataset", "X_1d")
    (home / "data" / "X_1d.parquet").write_text("newer")
    library.restore("dataset", "X_1d")
    assert [path.name for path in (home / "data").glob("X*")] == ["X_1d.csv"]
    assert len(library.entries().entries) == 1


def test_a_repair_never_names_another_dataset_than_one_spelt_alike(library: Library, home: Path) -> None:
    (home / "data" / "XY_1d.csv").write_text(PRICES)
    library.delete("dataset", "XY_1d")
    with pytest.raises(InvalidRequest) as refused:
        library.restore("dataset", "AAPL_1d")
    assert refused.value.details["known"] == []


def test_of_a_strategy_in_two_files_one_can_be_named(library: Library, home: Path) -> None:
    for suffix in (".yaml", ".yml"):
        (home / "strategies" / f"x{suffix}").write_text("name: x")
    library.delete("strategy", "x.yml")
    assert [path.name for path in (home / "strategies").glob("x*")] == ["x.yaml"]


def test_a_dataset_that_a_load_writes_is_left_alone(library: Library, home: Path) -> None:
    (home / "data" / "X_1d.csv").write_text(PRICES)
    with DatasetFile(home, "X", "1d").locked(), pytest.raises(DatasetBusy):
        library.delete("dataset", "X_1d")
    assert (home / "data" / "X_1d.csv").exists()


@pytest.mark.parametrize(
    ("kind", "name", "error", "words"),
    [
        ("strategy", "mien", StrategyError, "Did you mean 'mine'"),
        ("strategy", "../mine", StrategyError, "without folders"),
        ("model", "x", ModelError, "You have no model"),
        ("strategy", "a" * 300, StrategyError, "You have no strategy"),
        ("model", "é" * 200, ModelError, "You have no model"),
        ("dataset", "é" * 60 + "a" * 200 + "_1d", DataError, "a symbol has 1 to 64"),
        ("dataset", "X", DataError, "symbol and timeframe"),
        ("dataset", "Y_1d", DataError, "You have no dataset"),
        ("dataset", "a b_1d", DataError, "letters"),
    ],
)
def test_what_is_not_there_is_refused_with_the_way_on(
    library: Library, home: Path, kind: Kind, name: str, error: type[InputError], words: str
) -> None:
    (home / "strategies" / "mine.yaml").write_text("name: mine")
    with pytest.raises(error) as refused:
        library.delete(kind, name)
    assert words in refused.value.message


def test_what_is_deleted_twice_or_not_in_the_trash_is_refused(library: Library, home: Path) -> None:
    (home / "strategies" / "mine.yaml").write_text("name: mine")
    library.delete("strategy", "mine")
    with pytest.raises(StrategyError, match="in the trash already"):
        library.delete("strategy", "mine")
    with pytest.raises(InvalidRequest, match="Did you mean 'mine'"):
        library.restore("strategy", "mien")


def test_the_trash_is_listed_by_kind_and_name_and_emptied(library: Library, home: Path) -> None:
    for file in ("strategies/a.yaml", "data/A_1d.csv", "data/B_1d.csv"):
        (home / file).write_text(PRICES)
    library.delete("strategy", "a")
    library.delete("dataset", "A_1d")
    library.delete("dataset", "B_1d")
    assert [row.name for row in library.entries(limit=2).entries] == ["B_1d", "A_1d"]
    assert library.entries(limit=2).total == 3
    assert [row.name for row in library.entries("dataset", "A 1d").entries] == ["A_1d"]
    assert library.empty() == 3
    assert library.entries().total == 0
