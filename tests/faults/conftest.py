from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.prices import write_long_series
from tests.faults.rig import LONG_BARS, furnish
from tests.worker_app.process import Worker, worker_process


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A price file whose backtest takes about a second."""
    path = tmp_path_factory.mktemp("prices") / "LONG_1h.parquet"
    write_long_series(path, LONG_BARS)
    return path


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory, prices: Path) -> Iterator[Worker]:
    """A worker that survives what is done to it."""
    home = furnish(tmp_path_factory.mktemp("worker") / "home", prices)
    with worker_process(home) as made:
        yield made


@pytest.fixture
def own_worker_home(tmp_path: Path, prices: Path) -> Path:
    """The home of a worker that may be killed."""
    return furnish(tmp_path / "worker", prices)
