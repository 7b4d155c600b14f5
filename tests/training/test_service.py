"""Trainings as operations: in this process, and on a worker that is another application of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ktrdr_engine.composition import Application, open_application
from ktrdr_engine.errors import DataError, OperationConflict
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType
from ktrdr_engine.settings import Settings
from ktrdr_engine.training.models import TrainingRequest
from ktrdr_engine.training.service import TrainingService
from tests.operations.serving import app_over, proxy_to
from tests.training.conftest import REQUEST

PATIENCE = 15.0


class Place:
    """Where trainings are started: an application, and the folder its models come to lie in."""

    def __init__(self, application: Application, home: Path) -> None:
        self.application = application
        self.home = home

    async def start(self, key: str | None = None, **changes: Any) -> str:
        request = TrainingRequest.parse(REQUEST | changes)
        return await self.application.training.run_training(request, idempotency_key=key)

    async def ended(self, operation_id: str) -> Operation:
        operation = await self.application.operations.get_operation(operation_id, wait_seconds=PATIENCE)
        assert operation.status.is_final
        return operation

    async def until(self, operation_id: str, accept: Callable[[Operation], bool]) -> Operation:
        with anyio.fail_after(PATIENCE):
            while not accept(seen := await self.application.operations.get_operation(operation_id, force_refresh=True)):
                await anyio.lowlevel.checkpoint()
        return seen

    def models(self) -> list[str]:
        folder = self.home / "models"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@asynccontextmanager
async def remote(home: Path, tmp_path: Path) -> AsyncIterator[Application]:
    settings = Settings(ktrdr_home=home, operations_cache_ttl=0.0, _env_file=None)
    async with (
        open_application(settings, state=tmp_path / "worker", remark="On the worker.") as worker,
        proxy_to(app_over(worker.operations, *worker.start_routes)) as proxy,
        open_application(settings.model_copy(update={"ktrdr_home": tmp_path / "server"})) as server,
    ):
        server.workers.connections[proxy.base_url.rstrip("/")] = proxy
        server.training = TrainingService(
            server.operations,
            strategies=lambda: server.strategies,
            models=lambda: server.models,
            bars=lambda: server.bars,
            worker=proxy,
        )
        yield server


@pytest.fixture(params=["local", "remote"])
async def place(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "local":
        settings = Settings(ktrdr_home=home, operations_cache_ttl=0.0, _env_file=None)
        async with open_application(settings) as application:
            yield Place(application, home)
    else:
        async with remote(home, tmp_path) as application:
            yield Place(application, home)


async def test_a_training_ends_with_a_model_file_and_its_numbers(place: Place) -> None:
    operation_id = await place.start()
    operation = await place.ended(operation_id)
    assert operation_id.startswith("op_training_")
    assert operation.operation_type is OperationType.TRAINING
    assert (operation.status, operation.progress.percentage) == (OperationStatus.COMPLETED, 100)
    assert operation.results is not None
    assert operation.results["model_path"] == "models/tiny_v1.0.0.pt"
    assert operation.metadata["symbols"] == ["WAVE"]
    assert operation.metadata["seed"] == 3
    assert operation.metadata["rows"]["test"] == operation.results["test_rows"]
    model = ModelLibrary((place.home,)).load(operation.results["model_path"])
    assert model.sha256 == operation.results["provenance"]["model_sha256"]
    assert ModelLibrary((place.home,)).newest_for("tiny") == "tiny_v1.0.0.pt"
    assert len(json.dumps(operation.results)) < 6_000


async def test_every_epoch_can_be_read_then_and_later(place: Place) -> None:
    operation_id = await place.start()
    await place.ended(operation_id)
    page = await place.application.operations.get_operation_metrics(operation_id, 0, 500)
    assert [entry["epoch"] for entry in page.metrics["epochs"]] == [1, 2, 3, 4]
    table = await place.application.operations.get_operation_table(operation_id, "epochs")
    assert [row["validation_loss"] for row in table.rows] == [e["validation_loss"] for e in page.metrics["epochs"]]
    (row,) = (await place.application.operations.list_operations()).operations
    assert row.headline is not None
    assert row.headline.startswith("test accuracy 0.")
    assert row.headline.endswith("models/tiny_v1.0.0.pt")


async def test_a_running_training_shows_its_epochs_and_a_cancelled_one_keeps_its_best(place: Place) -> None:
    operation_id = await place.start(strategy_config_path="endless")
    seen = await place.until(operation_id, lambda seen: seen.progress.context.get("finished_epochs", 0) >= 2)
    assert seen.status is OperationStatus.RUNNING
    assert "Training endless epoch" in seen.progress.message
    assert 0 < seen.progress.percentage < 100
    await place.application.operations.cancel_operation(operation_id, reason="enough")
    operation = await place.ended(operation_id)
    assert operation.status is OperationStatus.CANCELLED
    assert operation.results is not None
    assert operation.results["partial"] is True
    assert operation.results["epochs_run"] >= 2
    assert operation.results["model_path"] == "models/endless_partial_v1.0.0.pt"
    assert ModelLibrary((place.home,)).load("endless_partial_v1.0.0").metadata.partial


async def test_a_training_cancelled_before_its_first_epoch_leaves_nothing(place: Place) -> None:
    operations = place.application.operations
    operation_id = await place.start(strategy_config_path="endless", model_name="early")
    operation = await operations.cancel_operation(operation_id)
    operation = await place.ended(operation_id)
    assert operation.status is OperationStatus.CANCELLED
    if operation.results is None:
        assert place.models() == []


async def test_equal_requests_give_equal_weights_under_names_of_their_own(place: Place) -> None:
    ids = [await place.start(model_name="m"), await place.start(model_name="m")]
    results = [(await place.ended(one)).results or {} for one in ids]
    assert {one["model_path"] for one in results} == {"models/m_v1.0.0.pt", "models/m_v1.0.1.pt"}
    models = [ModelLibrary((place.home,)).load(one["model_path"]) for one in results]
    weights = [[v.numpy().tobytes() for v in model.network.state_dict().values()] for model in models]
    assert weights[0] == weights[1]
    created = models[0].metadata.created_at
    assert models[1].metadata.model_copy(update={"created_at": created}) == models[0].metadata
    for one in results:
        del one["model_path"], one["provenance"]["model_sha256"]
    assert results[0] == results[1]


async def test_another_seed_gives_other_weights(place: Place) -> None:
    results = [(await place.ended(await place.start(seed=seed))).results or {} for seed in (1, 2)]
    assert [one["seed"] for one in results] == [1, 2]
    assert results[0]["splits"]["train"]["loss"] != results[1]["splits"]["train"]["loss"]


async def test_what_cannot_work_starts_nothing(place: Place) -> None:
    with pytest.raises(DataError, match="Did you mean 'WAVE'"):
        await place.start(symbols=["WAVES"])
    assert (await place.application.operations.list_operations()).total == 0
    assert place.models() == []


async def test_a_key_starts_nothing_twice(place: Place) -> None:
    first = await place.start(key="k")
    assert await place.start(key="k") == first
    with pytest.raises(OperationConflict):
        await place.start(key="k", seed=5)
    await place.ended(first)
    assert place.models() == ["tiny_v1.0.0.pt"]


async def test_the_words_of_the_place_are_in_the_notes(home: Path, tmp_path: Path) -> None:
    async with remote(home, tmp_path) as server:
        place = Place(server, home)
        operation = await place.ended(await place.start())
        assert operation.execution == "remote"
        assert operation.results is not None
        assert operation.results["notes"][-1] == "On the worker."


@pytest.mark.parametrize(
    ("results", "line"),
    [
        (
            {"test_accuracy": 0.413, "test_majority_baseline": 0.44, "model_path": "models/m_v1.0.0.pt"},
            "test accuracy 0.413 (majority 0.44), models/m_v1.0.0.pt",
        ),
        ({"total_return": 0.1}, None),
    ],
)
def test_results_have_a_line_unless_they_are_those_of_something_else(results: dict[str, Any], line: str | None) -> None:
    assert TrainingService.headline(results) == line
