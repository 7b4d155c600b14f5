"""What holds for every load, here or on a worker behind HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.service import DataLoadingService
from ktrdr_engine.errors import DataError, DatasetBusy, InvalidRequest
from ktrdr_engine.operations.models import Operation, OperationType
from ktrdr_engine.operations.service import OperationsService
from tests.datasets.conftest import Lab
from tests.datasets.prices import bars, csv, put
from tests.operations.serving import app_over, proxy_to


class Place(NamedTuple):
    """What a client talks to, and the lab in whose home the bars end."""

    service: DataLoadingService
    operations: OperationsService
    lab: Lab

    async def load(self, **arguments: Any) -> Operation:
        request = LoadRequest.parse({"symbol": "TEST", "timeframe": "1h", "source": "file", **arguments})
        operation_id = await self.service.load_data(request)
        return await self.operations.get_operation(operation_id, wait_seconds=15)


@pytest.fixture(params=["local", "remote"])
async def place(request: pytest.FixtureRequest, lab: Lab) -> AsyncIterator[Place]:
    if request.param == "local":
        yield Place(lab.service, lab.operations, lab)
        return
    here = lab.home.parent / "here"
    headlines = {OperationType.DATA_LOADING: DataLoadingService.headline}
    async with (
        proxy_to(app_over(lab.operations, lab.service.start_route)) as proxy,
        OperationsService(connect=lambda _: proxy, headlines=headlines) as operations,
    ):
        service = DataLoadingService(operations, home=here, bars=lambda: BarStore((here,)), worker=proxy)
        yield Place(service, operations, lab)
    assert not here.exists()


async def test_a_load_completes_with_results_segments_and_headline(place: Place) -> None:
    operation = await place.load(path=put(place.lab.home, csv(bars(list(range(10))))))
    assert (operation.status, operation.operation_type) == ("COMPLETED", "DATA_LOADING")
    assert operation.results is not None
    assert (operation.results["bars"], operation.progress.percentage) == (10, 100)
    assert operation.metadata["stored_symbol"] == "TEST"
    assert operation.progress.context["source"] == "file prices.csv"
    page = await place.operations.get_operation_metrics(operation.operation_id)
    assert [row["status"] for row in page.metrics["segments"]] == ["merged"]
    assert (await place.operations.list_operations()).operations[
        0
    ].headline == "TEST 1h: 10 new bars, 10 in all, 0 gaps"
    assert len(place.lab.bars.load("TEST", "1h")) == 10


async def test_a_broken_file_fails_with_the_row(place: Place) -> None:
    text = csv(bars([0])) + "2024-01-02T03:00:00Z,1,2,0.5,nan,1\n"
    operation = await place.load(path=put(place.lab.home, text))
    assert operation.status == "FAILED"
    assert operation.error is not None
    assert (operation.error.code, operation.error.details["row"]) == ("data_error", 2)


async def test_a_load_that_fails_midway_keeps_its_partial_results(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ktrdr_engine.datasets.sources.local import LocalSource

    monkeypatch.setattr("ktrdr_engine.datasets.sources.local._LEAST_BARS", 4)
    whole = LocalSource.fetch

    def breaking(source: LocalSource, segment: Any, heed: Any) -> Any:
        if segment.first > bars([5]).timestamp[0]:
            raise DataError("The second part is gone.")
        return whole(source, segment, heed)

    monkeypatch.setattr(LocalSource, "fetch", breaking)
    operation = await place.load(path=put(place.lab.home, csv(bars(list(range(10))))))
    assert operation.status == "FAILED"
    assert operation.error is not None
    assert operation.error.message == "The second part is gone."
    assert operation.results is not None
    assert (operation.results["partial"], operation.results["segments_done"], operation.results["bars"]) == (True, 2, 8)


async def test_what_cannot_work_is_refused_alike(place: Place) -> None:
    name = put(place.lab.home, csv(bars([0])))
    with pytest.raises(DataError, match="not a name inside imports/"):
        await place.load(path="../x.csv")
    with pytest.raises(InvalidRequest, match="is not known"):
        await place.load(source="nowhere")
    with (
        DatasetFile(place.lab.home, "TEST", "1h").locked(),
        pytest.raises(DatasetBusy, match="wait until it has ended"),
    ):
        await place.load(path=name)
    assert (await place.operations.list_operations()).total == 0
