"""Prices loaded by a real worker process, into its own home."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.composition import open_application
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.errors import DataError
from ktrdr_engine.settings import Settings
from tests.datasets.prices import bars, csv, put
from tests.worker_app.process import worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)

LOAD = {"symbol": "TEST", "timeframe": "1h", "source": "file", "path": "prices.csv"}


async def test_a_worker_loads_from_its_imports_into_its_data(tmp_path: Path) -> None:
    there = tmp_path / "there"
    put(there, csv(bars(list(range(10)))))
    with worker_process(there) as worker:
        settings = Settings(
            ktrdr_home=tmp_path / "here",
            use_remote_data_service=True,
            remote_data_service_url=worker.url,
            _env_file=None,
        )
        async with open_application(settings) as application:
            operation_id = await application.datasets.load_data(LoadRequest.parse(LOAD))
            operation = await application.operations.get_operation(operation_id, wait_seconds=15)
            with pytest.raises(DataError, match="Did you mean 'prices'"):
                await application.datasets.load_data(LoadRequest.parse({**LOAD, "path": "price.csv"}))
            page = await application.operations.get_operation_metrics(operation_id)
    assert (operation.status, operation.execution) == ("COMPLETED", "remote")
    assert operation.results is not None
    assert operation.results["new_bars"] == 10
    assert [row["new"] for row in page.metrics["segments"]] == [10]
    assert (there / "data" / "TEST_1h.parquet").exists()
    assert not (tmp_path / "here" / "data").exists()
