"""What the store keeps, and what becomes of it when files are damaged or missing."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import numpy as np
import pytest

from ktrdr_engine.errors import OperationConflict, StorageError
from ktrdr_engine.operations.models import ErrorInfo, Operation, OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Gate, ended, start


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


async def _finished(home: Path, work: Gate | None = None) -> Operation:
    async with OperationsService(OperationStore(home)) as service:
        work = work or Gate()
        work.open()
        return await ended(service, await start(service, work))


async def test_making_a_store_and_reading_from_nothing_touch_no_disk(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as service:
        assert (await service.list_operations()).total == 0
    assert not home.exists()


async def test_a_finished_operation_reads_the_same_in_a_new_process(home: Path) -> None:
    outcome = Outcome({"x": [1, 2.5, None]}, {"equity": {"value": np.arange(3.0)}}, "fine")
    before = await _finished(home, Gate(outcome))
    async with OperationsService(OperationStore(home)) as service:
        assert await service.get_operation(before.operation_id) == before
        assert (await service.get_operation_metrics(before.operation_id, 1)).metrics["history"][0]["step"] == 9
        assert (await service.get_operation_metrics(before.operation_id)).new_cursor == 2
        page = await service.get_operation_table(before.operation_id, "equity")
        assert page.rows == [{"value": 0.0}, {"value": 1.0}, {"value": 2.0}]
        row = (await service.list_operations()).operations[0]
        assert (row.operation_id, row.headline, row.percentage) == (before.operation_id, "fine", 100)


async def test_a_repeated_key_is_known_after_a_restart(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as service:
        first = await start(service, Gate(ValueError()), idempotency_key="k")
        await service.cancel_operation(first)
    async with OperationsService(OperationStore(home)) as service:
        assert await start(service, Gate(), idempotency_key="k") == first
        with pytest.raises(OperationConflict):
            await service.create_operation(OperationType.TRAINING, {"n": 2}, kind_word="training", idempotency_key="k")
        assert (await service.list_operations()).total == 1


async def test_lists_page_over_stored_and_running_operations_in_one_order(home: Path) -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC)

    def now() -> datetime:
        nonlocal moment
        moment += timedelta(seconds=1)
        return moment

    async with OperationsService(OperationStore(home), now=now) as service:
        ids = []
        for _ in range(5):
            work = Gate()
            work.open()
            ids.append(await start(service, work))
            await ended(service, ids[-1])
    async with OperationsService(OperationStore(home), now=now) as service:
        works = [Gate(), Gate()]
        for work in works:
            ids.append(await start(service, work))
            await work.until_reached()
        paged = []
        for offset in range(0, 7, 3):
            page = await service.list_operations(limit=3, offset=offset)
            assert page.total == 7
            paged += [row.operation_id for row in page.operations]
        assert paged == ids[::-1]
        running = await service.list_operations(OperationStatus.RUNNING)
        assert [row.operation_id for row in running.operations] == ids[:4:-1]
        assert (await service.list_operations(OperationStatus.COMPLETED, limit=2)).total == 5
        for work in works:
            work.open()


async def test_every_row_says_what_its_operation_is_about_whoever_runs_it_and_however_old_it_is(home: Path) -> None:
    work = Gate()
    work.open()
    describe = {OperationType.TRAINING: lambda metadata: {name: str(value) for name, value in metadata.items()}}
    async with OperationsService(OperationStore(home)) as earlier:
        await ended(earlier, await start(earlier, work))
        async with OperationsService(OperationStore(home), descriptions=describe) as service:
            own, other = Gate(), Gate()
            await start(service, own)
            await start(earlier, other)
            await own.until_reached()
            await other.until_reached()
            rows = (await service.list_operations()).operations
            metadata = [(await service.get_operation(row.operation_id)).metadata for row in rows]
            assert [row.status for row in rows] == [OperationStatus.RUNNING] * 2 + [OperationStatus.COMPLETED]
            assert [row.about for row in rows] == [{name: str(one[name]) for name in one} for one in metadata]
            assert all(row.about for row in rows)
            own.open()
            other.open()


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "in memory"])
async def test_finished_operations_with_results_are_counted_by_what_was_asked(home: Path, is_stored: bool) -> None:
    archive = OperationStore(home) if is_stored else None
    asked = {"symbol": "EURUSD", "timeframe": "1h"}
    async with OperationsService(archive) as service:
        count = service.count_finished
        assert await count(OperationType.BACKTESTING, asked) == 0
        for metadata in (asked, asked | {"n": 1}, asked | {"timeframe": "4h"}, {"symbol": ["EURUSD"]}, {}):
            operation = await service.create_operation(OperationType.BACKTESTING, metadata)
            await service.complete_operation(operation.operation_id, {"x": 1})
        training = await service.create_operation(OperationType.TRAINING, asked)
        await service.complete_operation(training.operation_id, {"x": 1})
        failed = await service.create_operation(OperationType.BACKTESTING, asked)
        await service.fail_operation(failed.operation_id, ErrorInfo(code="x", message="x"))
        await service.create_operation(OperationType.BACKTESTING, asked)
        assert await count(OperationType.BACKTESTING, asked) == 2
        assert await count(OperationType.BACKTESTING, {"symbol": "EURUSD"}) == 3
        assert await count(OperationType.TRAINING, asked) == 1


async def test_a_row_that_is_no_json_is_not_counted_and_ends_no_count(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as service:
        for _ in range(2):
            operation = await service.create_operation(OperationType.BACKTESTING, {"symbol": "EURUSD"})
            await service.complete_operation(operation.operation_id, {"x": 1})
    with sqlite3.connect(home / "operations.db") as connection:
        connection.execute("UPDATE operations SET operation='{' WHERE operation_id=?", (operation.operation_id,))
    connection.close()
    async with OperationsService(OperationStore(home)) as service:
        assert await service.count_finished(OperationType.BACKTESTING, {"symbol": "EURUSD"}) == 1


async def test_a_home_that_is_a_file_is_no_empty_one(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    for home in (blocked, blocked / "below"):
        async with OperationsService(OperationStore(home)) as service:
            with pytest.raises(StorageError, match="KTRDR_HOME"):
                await start(service, Gate())
            with pytest.raises(StorageError, match="KTRDR_HOME"):
                await service.list_operations()


async def test_a_home_that_cannot_be_read_is_no_empty_one(home: Path) -> None:
    (home / "operations.db").mkdir(parents=True)
    async with OperationsService(OperationStore(home)) as service:
        with pytest.raises(StorageError):
            await service.list_operations()
        with pytest.raises(StorageError):
            await start(service, Gate())
        with pytest.raises(StorageError):
            await service.get_operation("op_backtest_20250103_k3v9x2m7qa")


async def test_a_damaged_database_is_set_aside_and_a_new_one_begun(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _finished(home)
    (home / "operations.db").write_bytes(b"not a database at all" * 500)
    for name in ("operations.db-wal", "operations.db-shm"):
        (home / name).unlink(missing_ok=True)
    async with OperationsService(OperationStore(home)) as service:
        with pytest.raises(StorageError, match="damaged"):
            await service.list_operations()
        assert (await service.list_operations()).total == 0
        work = Gate()
        work.open()
        await ended(service, await start(service, work))
        assert (await service.list_operations()).total == 1
    kept = [path for path in home.glob("operations.db.corrupt-*") if path.suffix[-4:] not in ("-wal", "-shm")]
    assert len(kept) == 1
    assert kept[0].read_bytes().startswith(b"not a database")
    assert "damaged" in caplog.text


async def test_a_database_damaged_at_the_first_write_is_set_aside_too(home: Path) -> None:
    home.mkdir()
    (home / "operations.db").write_bytes(b"not a database at all" * 500)
    await _finished(home)
    assert len(list(home.glob("operations.db.corrupt-*"))) == 1


async def test_an_end_is_not_lost_when_the_database_vanishes_meanwhile(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as service:
        work = Gate()
        operation_id = await start(service, work)
        await work.until_reached()
        with sqlite3.connect(home / "operations.db") as connection:
            connection.execute("DELETE FROM operations")
        connection.close()
        work.open()
        done = await ended(service, operation_id)
    async with OperationsService(OperationStore(home)) as service:
        assert await service.get_operation(operation_id) == done


async def test_a_database_of_a_newer_version_is_left_alone(home: Path) -> None:
    await _finished(home)
    with sqlite3.connect(home / "operations.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    async with OperationsService(OperationStore(home)) as service:
        with pytest.raises(StorageError, match="format 99"):
            await start(service, Gate())
        with pytest.raises(StorageError, match="format 99"):
            await service.list_operations()


@pytest.mark.parametrize("content", [None, b"{", b"[]"])
async def test_results_that_cannot_be_read_any_more_are_named_in_a_warning(home: Path, content: bytes | None) -> None:
    done = await _finished(home)
    path = home / "results" / done.operation_id / "results.json"
    path.unlink() if content is None else path.write_bytes(content)
    (path.parent / "metrics.json").write_bytes(b"[]")
    async with OperationsService(OperationStore(home)) as service:
        operation = await service.get_operation(done.operation_id)
        assert operation.status is OperationStatus.COMPLETED
        assert operation.results is None
        assert "results.json" in operation.warnings[0]
        assert (await service.get_operation_metrics(done.operation_id)).metrics == {}


async def test_a_damaged_table_is_named(home: Path) -> None:
    done = await _finished(home, Gate(Outcome({}, {"equity": {"value": [1.0]}})))
    (home / "results" / done.operation_id / "equity.parquet").write_bytes(b"PAR1 and no more")
    async with OperationsService(OperationStore(home)) as service:
        with pytest.raises(StorageError, match=r"equity\.parquet"):
            await service.get_operation_table(done.operation_id, "equity")


async def test_a_table_that_cannot_be_stored_fails_the_operation(home: Path) -> None:
    done = await _finished(home, Gate(Outcome({"x": 1}, {"equity": {"a": [1, 2], "b": [1]}})))
    assert done.status is OperationStatus.FAILED
    assert done.error is not None
    assert "'equity'" in done.error.message
    assert [path.name for path in (home / "results" / done.operation_id).iterdir()] == ["metrics.json"]


async def test_long_tables_are_read_in_pages_across_their_groups(home: Path) -> None:
    done = await _finished(home, Gate(Outcome({}, {"equity": {"i": np.arange(200_000)}})))
    async with OperationsService(OperationStore(home)) as service:
        page = await service.get_operation_table(done.operation_id, "equity", 65_530, 10)
        assert [row["i"] for row in page.rows] == list(range(65_530, 65_540))
        assert page.total == 200_000
        assert (await service.get_operation_table(done.operation_id, "equity", 199_999, 10)).returned == 1
        assert (await service.get_operation_table(done.operation_id, "equity", 900_000, 10)).rows == []


async def test_finished_operations_that_fall_out_of_memory_come_back_from_the_store(home: Path) -> None:
    async with OperationsService(OperationStore(home), retained=2) as service:
        done = []
        for _ in range(4):
            work = Gate()
            work.open()
            done.append(await ended(service, await start(service, work)))
        for operation in done:
            assert await service.get_operation(operation.operation_id) == operation


async def test_a_memory_only_service_forgets_the_oldest_finished_operations_and_their_keys() -> None:
    async with OperationsService(retained=2) as service:
        ids = []
        for number in range(4):
            work = Gate()
            work.open()
            ids.append(await start(service, work, idempotency_key=f"k{number}"))
            await ended(service, ids[-1])
        again = Gate()
        again.open()
        assert await start(service, again, idempotency_key="k0") != ids[0]
        assert (await service.list_operations()).total == 3


async def test_a_memory_only_service_keeps_the_tables_of_the_newest_operations_only() -> None:
    async with OperationsService() as service:
        ids = []
        for _ in range(33):
            operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
            ids.append(operation.operation_id)
            await service.complete_operation(ids[-1], {}, tables={"t": {"a": [1]}})
        assert (await service.get_operation_table(ids[1], "t")).total == 1
        with pytest.raises(OperationConflict, match="no table"):
            await service.get_operation_table(ids[0], "t")


def test_the_history_cache_is_small(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    store = OperationStore(home)
    ids = [anyio.run(_finished, home).operation_id for _ in range(4)]
    first = [store.metrics(one) for one in ids]
    assert all(history is not None for history in first)
    assert store.metrics(ids[3]) is first[3]
    assert store.metrics(ids[0]) is not first[0]


@pytest.mark.parametrize("what", ["the database", "the home"])
async def test_what_is_deleted_while_it_is_in_use_is_noticed_and_recorded_again(home: Path, what: str) -> None:
    async with OperationsService(OperationStore(home)) as service:
        before = Gate()
        before.open()
        gone = await ended(service, await start(service, before))
        work = Gate(Outcome({"x": 1}))
        running = await start(service, work)
        await work.until_reached()
        if what == "the home":
            shutil.rmtree(home)
        else:
            for path in home.glob("operations.db*"):
                path.unlink()
        with pytest.raises(StorageError, match="deleted while it was in use"):
            await service.list_operations()
        work.open()
        done = await ended(service, running)
        assert (done.status, done.warnings) == (OperationStatus.COMPLETED, ())
    async with OperationsService(OperationStore(home)) as service:
        assert await service.get_operation(running) == done
        assert [row.operation_id for row in (await service.list_operations()).operations] == [running]
        assert gone.operation_id != running


@pytest.mark.parametrize(
    "column", ["status='x'", "headline=5", "operation='{}'", "operation=x'ff00'", "created_at=NULL", "owner='../x'"]
)
async def test_a_row_that_was_damaged_hides_no_other(home: Path, column: str) -> None:
    done = [await _finished(home) for _ in range(3)]
    with contextlib.closing(sqlite3.connect(home / "operations.db", isolation_level=None)) as connection:
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(f"UPDATE operations SET {column} WHERE operation_id=?", (done[1].operation_id,))
        # As a disk leaves it: text that is none.
        connection.execute(
            "UPDATE operations SET operation=CAST(x'7bff7d' AS TEXT) WHERE operation_id=?", (done[2].operation_id,)
        )
    async with OperationsService(OperationStore(home)) as service:
        page = await service.list_operations()
        assert {done[0].operation_id, done[2].operation_id} <= {row.operation_id for row in page.operations}
        assert await service.get_operation(done[0].operation_id) == done[0]
        with pytest.raises(StorageError):
            await service.get_operation(done[2].operation_id)
