"""A load that is cancelled, killed or short of room keeps what is in, and a repeat goes on from there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.to_thread
import numpy as np
import pyarrow.parquet
import pytest
import stamina

from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.finding import Sources
from ktrdr_engine.errors import StorageError
from tests.datasets.clients import LONG_LOAD, SMALL_PAGE, exchange_at
from tests.datasets.conftest import Lab, Labs
from tests.datasets.market import Market, bar_at, serving

HOURS = 3_500
A_SEGMENT = 1_000


@pytest.fixture
def market() -> Iterator[Market]:
    with serving() as made, stamina.set_testing(True, attempts=5, cap=True):
        yield made


@pytest.fixture
async def lab(open_lab: Labs, market: Market) -> AsyncIterator[Lab]:
    small_pages = exchange_at(market.url, page=SMALL_PAGE)
    async with open_lab(lambda home, bars: Sources(home, bars, exchange=small_pages)) as made:
        yield made


async def assert_goes_on(lab: Lab, market: Market, segments_in: int) -> None:
    """A repeat asks for the rest only, and the bars are those of the market."""
    assert len(lab.bars.load("BTC-USDT", "1h")) == segments_in * A_SEGMENT
    market.asked.clear()
    market.hold_at = None
    results = await lab.loaded(**LONG_LOAD)
    assert (results["bars"], results["new_bars"]) == (HOURS, HOURS - segments_in * A_SEGMENT)
    assert (results["segments"], len(market.asked)) == (4 - segments_in, 35 - segments_in * 10)
    series = lab.bars.load("BTC-USDT", "1h")
    assert series.prices.T.tolist() == np.array([bar_at(s // 10**9)[1:] for s in series.timestamp.tolist()]).tolist()


async def test_a_cancelled_load_keeps_its_segments_as_a_partial_result(lab: Lab, market: Market) -> None:
    market.hold_at = 13
    request = LoadRequest.parse(LONG_LOAD)
    operation_id = await lab.service.load_data(request)
    await anyio.to_thread.run_sync(market.held.wait, 15)
    running = await lab.operations.get_operation(operation_id, force_refresh=True)
    assert (running.status, running.progress.current_step, running.progress.total_steps) == ("RUNNING", 1, 4)
    await lab.operations.cancel_operation(operation_id, "enough")
    market.release.set()
    operation = await lab.operations.get_operation(operation_id, wait_seconds=15)
    assert operation.status == "CANCELLED"
    assert operation.results is not None
    assert operation.results["partial"] is True
    assert (operation.results["segments_done"], operation.results["bars"]) == (1, A_SEGMENT)
    assert any("goes on from where this one stopped" in note for note in operation.results["notes"])
    assert len(market.asked) == 14
    await assert_goes_on(lab, market, 1)


async def test_a_killed_process_loses_no_finished_segment(lab: Lab, market: Market) -> None:
    market.hold_at = 25
    with subprocess.Popen([sys.executable, "-m", "tests.datasets.clients", str(lab.home), market.url]) as process:
        await anyio.to_thread.run_sync(market.held.wait, 15)
        process.kill()
    market.release.set()
    await assert_goes_on(lab, market, 2)


async def test_a_disk_that_fills_up_keeps_what_was_written(
    lab: Lab, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    class Full:
        def __getattr__(self, name: str) -> object:
            return getattr(original, name)

        def write_table(self, table: object, file: object, **options: object) -> None:
            if len(written) == 2:
                raise OSError(28, "No space left on device")
            written.append(Path())
            original.write_table(table, file, **options)

    original = pyarrow.parquet
    monkeypatch.setattr(pyarrow, "parquet", Full())
    operation = await lab.load(**LONG_LOAD)
    monkeypatch.undo()
    assert operation.error is not None
    assert operation.error.code == StorageError.code
    assert "No space left on device" in operation.error.message
    assert operation.results is not None
    assert operation.results["segments_done"] == 2
    await assert_goes_on(lab, market, 2)
