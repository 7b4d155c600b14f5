"""What is told of a long run while it is computed, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.metadata import RecurrentArchitecture
from ktrdr_engine.inference.network import build_network, rows_at_once
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import Progress
from tests.backtesting.conftest import MAIN_JOB, RULES, JobMaker
from tests.operations.work import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ktrdr_engine.backtesting.job import BacktestJob
    from ktrdr_engine.features.matrix import FeatureMatrix

CHUNK_SECONDS = 400.0


@dataclass
class Slow:
    """A predictor each of whose chunks takes minutes."""

    clock: Clock
    seen: list[tuple[Progress, float]]
    bridge: BacktestProgressBridge
    on_row: Callable[[int], None] = lambda _: None

    def predict(self, matrix: FeatureMatrix, *, on_chunk: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        assert on_chunk is not None
        for done in range(1_000, len(matrix), 1_000):
            self.clock.seconds += CHUNK_SECONDS
            self.seen.append(self.bridge.get_status())
            self.on_row(done)
            on_chunk(done)
        return np.full((len(matrix), 3), 1 / 3, dtype=np.float32)


def bridge_of(job: BacktestJob, clock: Clock) -> BacktestProgressBridge:
    return BacktestProgressBridge("op_backtest_20170102_abcdefghij", "EURUSD", "1h", job.bars, clock=clock)


def test_a_prediction_that_takes_an_hour_is_seen_to_move(job_of: JobMaker) -> None:
    job, clock, seen = job_of(MAIN_JOB), Clock(), list[tuple[Progress, float]]()
    bridge = bridge_of(job, clock)
    BacktestingEngine(replace(job, predictor=Slow(clock, seen, bridge))).run(bridge)
    assert max(idle for _, idle in seen) == CHUNK_SECONDS
    told = [progress for progress, _ in seen]
    assert all("Predicting" in one.message for one in told)
    assert all(word in told[-1].message for word in (" of ", "a second", "left"))
    percentages = [one.percentage for one in told]
    assert percentages == sorted(set(percentages))
    assert bridge.get_status().progress.percentage == 100


def test_a_cancelled_prediction_stops_within_a_chunk_and_keeps_its_percentage(job_of: JobMaker) -> None:
    job, clock, seen = job_of(MAIN_JOB), Clock(), list[tuple[Progress, float]]()
    bridge, token = bridge_of(job, clock), CancellationToken()

    def on_row(done: int) -> None:
        if done == 3_000:
            token.cancel("enough")

    with pytest.raises(OperationCancelled):
        BacktestingEngine(replace(job, predictor=Slow(clock, seen, bridge, on_row))).run(bridge, token)
    assert len(seen) == 3
    assert 0 < bridge.get_status().progress.percentage < 55


@pytest.mark.parametrize("arguments", [MAIN_JOB, RULES], ids=["network", "rules"])
def test_indicators_and_rows_of_features_are_told_one_by_one(
    job_of: JobMaker, arguments: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(arguments)
    bridge, told = bridge_of(job, Clock()), list[str]()
    reach = bridge.reach

    def reached(done: int, total: int) -> None:
        reach(done, total)
        told.append(bridge.get_status().progress.message)

    monkeypatch.setattr(bridge, "reach", reached)
    BacktestingEngine(job).run(bridge)
    words = list(dict.fromkeys(message.partition(" 1")[0].split(" of ")[0].rstrip("0123456789, ") for message in told))
    assert words == ["Computing indicators", "Computing features", "Predicting", "Working out the numbers"]


def test_the_chunks_of_a_large_recurrent_network_are_small_and_counted(job_of: JobMaker) -> None:
    job = job_of(MAIN_JOB)
    matrix = job.features()
    assert job.model is not None
    shape = RecurrentArchitecture(type="gru", hidden_size=128, num_layers=2, dropout=0)
    network = build_network(shape, matrix.n_features, 1)
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(0.01)
    group = rows_at_once(network)
    done: list[int] = []
    ModelBundle(job.model.metadata, network, "").predict(matrix, on_chunk=done.append)
    assert done == [min(start + group, len(matrix)) for start in range(0, len(matrix), group)]
    assert rows_at_once(build_network(shape, 40, 40)) <= 128
