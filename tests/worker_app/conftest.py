from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worker_app.process import Worker, worker_process


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker for all tests of a module, told by its environment to be remote, which it must not heed."""
    home = tmp_path_factory.mktemp("worker") / "home"
    with worker_process(home, USE_REMOTE_BACKTEST_SERVICE="true", REMOTE_BACKTEST_SERVICE_URL="http://nowhere") as made:
        yield made
