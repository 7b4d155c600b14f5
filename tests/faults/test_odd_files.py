"""What lies in a home beside what was meant to be there: none of it hides the rest, ends a listing or blocks it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from ktrdr_engine.authoring.checking import fitting_models
from ktrdr_engine.authoring.models import model_page
from ktrdr_engine.authoring.shelves import Shelves
from ktrdr_engine.authoring.strategies import strategy_page
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import Catalog, row_or_problem, shipped_root
from ktrdr_engine.datasets.listing import dataset_page
from ktrdr_engine.errors import DataError, InvalidRequest, KtrdrError, StrategyError
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from ktrdr_engine.strategy.library import StrategyLibrary
from tests.operations.work import Gate, ended, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, links and such names are POSIX's")

RULES = (shipped_root() / "strategies" / "trend_rules.yaml").read_text()
SUFFIXES = {"strategies": ".yaml", "models": ".pt", "data": "_1h.csv", "imports": ".csv"}
HIDDEN = ("._mine", ".#mine", ".")
ODD = ("folder", "pipe", "dangling", "outside", "loop", "two\\parts", r"line\u000abreak", r"byte\xff", r"turned\u202e")
"""The names as they are shown."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").write_text(RULES)
    for kind, suffix in SUFFIXES.items():
        folder = tmp_path / "home" / kind
        folder.mkdir(parents=True)
        for hidden in HIDDEN:
            (folder / f"{hidden}{suffix}").write_bytes(b"\x00\x05\x16\x07Mac OS X")
        (folder / f"broken{suffix}").write_bytes(b"\x00\xff")
        (folder / f"folder{suffix}").mkdir()
        os.mkfifo(folder / f"pipe{suffix}")
        (folder / f"dangling{suffix}").symlink_to(folder / "nothing")
        (folder / f"outside{suffix}").symlink_to(tmp_path / "elsewhere")
        (folder / f"loop{suffix}").symlink_to(folder / f"loop{suffix}")
        for name in (b"two\\parts", b"line\nbreak", b"byte\xff", "turned\u202e".encode()):
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name + suffix.encode())).write_text(RULES)
    (tmp_path / "home" / "strategies" / "mine.yaml").write_text(RULES.replace("trend_rules", "mine"))
    return tmp_path / "home"


@pytest.fixture
def shelves(home: Path) -> Shelves:
    roots = (home, shipped_root())
    return Shelves(StrategyLibrary(roots), ModelLibrary(roots), BarStore(roots))


def test_strategies_are_listed_beside_what_is_none(shelves: Shelves) -> None:
    page = strategy_page(shelves)
    broken = {row.name for row in page.strategies if row.problem}
    assert broken == {"broken.yaml", *(f"{name}.yaml" for name in ODD)}
    assert {"mine.yaml", "trend_rules.yaml"} <= {row.name for row in page.strategies} - broken
    assert page.returned == page.total == len(page.strategies)
    assert page.model_dump_json()  # a lone surrogate could not be sent


def test_models_are_listed_beside_what_is_none(shelves: Shelves) -> None:
    page = model_page(shelves)
    broken = {row.name for row in page.models if row.problem}
    assert broken == {"broken.pt", *(f"{name}.pt" for name in ODD)}
    assert "rsi_mlp_v1.0.0.pt" in {row.name for row in page.models} - broken
    assert shelves.models.newest_for("rsi_mean_reversion")
    plan = shelves.strategies.load("rsi_mean_reversion").config.feature_plan()
    assert "rsi_mlp_v1.0.0.pt" in list(fitting_models(shelves, plan))


def test_datasets_are_listed_beside_what_is_none_page_by_page(shelves: Shelves) -> None:
    page = dataset_page(shelves.bars)
    assert {row.symbol for row in page.datasets if row.problem} == {"broken", *(f"{name}_1h.csv" for name in ODD)}
    assert ("EURUSD", None) in {(row.symbol, row.problem) for row in page.datasets}
    one_by_one = [row for start in range(page.total) for row in dataset_page(shelves.bars, 1, start).datasets]
    assert one_by_one == list(page.datasets)


def test_what_can_be_taken_instead_is_said_beside_what_is_none(shelves: Shelves, home: Path) -> None:
    with pytest.raises(StrategyError, match=r"Did you mean 'mine'\?"):
        shelves.strategies.load("mines")
    with pytest.raises(DataError, match="EURUSD"):
        shelves.bars.load("EURUSX", "1h")
    imports = Catalog("imports", (".csv",), (home,), DataError)
    assert imports.names() == ["broken.csv"]
    assert len(imports.unusable()) == len(ODD)


@pytest.mark.parametrize("name", ["folder", "pipe", "dangling", "outside", "loop"])
def test_what_cannot_be_used_says_why_when_asked_for(shelves: Shelves, name: str) -> None:
    with pytest.raises(KtrdrError, match=r"folder|regular|link|read"):
        shelves.strategies.load(name)
    with pytest.raises(KtrdrError):
        shelves.bars.load(name, "1h")


def test_a_folder_that_cannot_be_listed_leaves_the_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Path.iterdir

    def refusing(path: Path) -> object:
        if path.is_relative_to(home):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refusing)
    assert "trend_rules.yaml" in StrategyLibrary((home, shipped_root())).names()


def test_a_file_that_vanishes_while_it_is_listed_costs_its_own_row(
    shelves: Shelves, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["gone.yaml", "mine.yaml"]
    monkeypatch.setattr(StrategyLibrary, "names", lambda _: names)
    monkeypatch.setattr(StrategyLibrary, "unusable", lambda _: [])
    assert [bool(row.problem) for row in strategy_page(shelves).strategies] == [True, False]
    monkeypatch.setattr(ModelLibrary, "names", lambda _: ["gone.pt", "rsi_mlp_v1.0.0.pt"])
    monkeypatch.setattr(ModelLibrary, "unusable", lambda _: [])
    assert [bool(row.problem) for row in model_page(shelves).models] == [True, False]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RecursionError("deep"), ValueError("odd")])
def test_a_row_fails_alone_whatever_the_reason(error: Exception) -> None:
    def fail() -> str:
        raise error

    assert row_or_problem(fail, lambda problem: problem).startswith("It cannot be read (")


async def test_an_unreadable_row_of_the_store_hides_no_other(tmp_path: Path) -> None:
    ids = []
    for _ in range(3):
        async with OperationsService(OperationStore(tmp_path)) as service:
            work = Gate()
            work.open()
            ids.append((await ended(service, await start(service, work))).operation_id)
    rows = sqlite3.connect(tmp_path / "operations.db")
    with rows:
        rows.execute("UPDATE operations SET operation='{' WHERE operation_id=?", (ids[0],))
        # As one of a dead process, and of a kind that a later version knows.
        rows.execute(
            "UPDATE operations SET operation='{', status='RUNNING', owner='dead' WHERE operation_id=?", (ids[1],)
        )
        rows.execute("UPDATE operations SET operation='[]', operation_type='NEW' WHERE operation_id=?", (ids[1],))
    rows.close()
    async with OperationsService(OperationStore(tmp_path)) as service:
        page = await service.list_operations()
        assert [row.operation_id for row in page.operations] == [ids[2], ids[0]]
        with pytest.raises(KtrdrError):
            await service.get_operation(ids[0])
        assert (await service.get_operation(ids[2])).status == "COMPLETED"


async def test_damaged_metrics_of_one_operation_are_none(tmp_path: Path) -> None:
    async with OperationsService(OperationStore(tmp_path)) as service:
        work = Gate()
        work.open()
        done = await ended(service, await start(service, work))
    (tmp_path / "results" / done.operation_id / "metrics.json").write_text('{"last": "x"}')
    shutil.rmtree(tmp_path / "owners", ignore_errors=True)
    async with OperationsService(OperationStore(tmp_path)) as service:
        assert (await service.get_operation(done.operation_id)).status == "COMPLETED"
        assert (await service.get_operation_metrics(done.operation_id)).metrics == {}


def test_a_model_whose_text_holds_nan_is_refused_and_listed(home: Path, shelves: Shelves) -> None:
    import torch

    payload = torch.load(shipped_root() / "models" / "rsi_mlp_v1.0.0.pt", weights_only=True)
    payload["metadata"] = payload["metadata"].replace('"labels":{', '"labels":{"odd":NaN,', 1)
    torch.save(payload, home / "models" / "nan.pt")
    row = next(row for row in model_page(shelves).models if row.name == "nan.pt")
    assert row.problem is not None
    with pytest.raises(KtrdrError):
        shelves.models.load("nan")


def test_imports_are_named_without_what_is_none(home: Path) -> None:
    from ktrdr_engine.bars.timeframe import Timeframe
    from ktrdr_engine.datasets.models import LoadRequest
    from ktrdr_engine.datasets.sources.imports import file_source

    request = LoadRequest.parse({"symbol": "TEST", "timeframe": "1h", "source": "file"})
    with pytest.raises(InvalidRequest) as refused:
        file_source(request, Timeframe("1h"), home)
    assert refused.value.details["known"] == ["broken.csv"]
