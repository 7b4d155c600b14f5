"""The computation raises, runs out of memory, or makes no progress: on a worker, seen from a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr_engine.composition import open_application
from tests.backtesting.conftest import MAIN_JOB
from tests.faults.rig import ended, remote, start, until
from tests.worker_app.process import Worker, worker_process

_REFUSES, _DIVIDES, _EXHAUSTS, _LEAVES, _HANGS = (float(number) for number in range(1, 6))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("faulty") / "home"
    with worker_process(
        home, module="tests.faults.faulty_worker", KTRDR_STUCK_AFTER_SECONDS="0.5", KTRDR_MAX_CONCURRENT_OPERATIONS="2"
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("capital", "code", "words"),
    [
        (_REFUSES, "engine_error", "gave up at bar 7"),
        (_DIVIDES, "engine_error", "server's log"),
        (_EXHAUSTS, "out_of_memory", "shorter range"),
        (_LEAVES, "engine_error", "server's log"),
        (_HANGS, "stuck", "KTRDR_STUCK_AFTER_SECONDS"),
    ],
    ids=["an error of ours", "a defect", "no memory", "an exit", "no progress"],
)
async def test_an_engine_that_fails_fails_its_operation_with_a_code_and_nothing_else(
    faulty: Worker, capital: float, code: str, words: str, tmp_path: Path
) -> None:
    async with open_application(remote(tmp_path / "home", faulty.url)) as application:
        operation_id = await start(application, {**MAIN_JOB, "initial_capital": capital})
        operation = await until(application.operations, operation_id, lambda seen: seen.status.is_final)
        assert operation.status == "FAILED"
        assert operation.error is not None
        assert operation.error.code == code
        assert words in operation.error.message
        assert "secret" not in operation.model_dump_json()
        healthy = await ended(application.operations, await start(application, MAIN_JOB))
        assert healthy.status == "COMPLETED"
