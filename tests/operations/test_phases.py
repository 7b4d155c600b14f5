"""How far a run is, over phases of very different length."""

from __future__ import annotations

import re

import pytest

from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import OperationStatus
from ktrdr_engine.operations.phases import Phase
from tests.operations.work import Clock

BEFORE = Phase("Reading", 0.2, "rows")
MAIN = Phase("", 0.7)
AFTER = Phase("Adding up", 0.1)


def test_the_percentage_rises_from_phase_to_phase_and_never_falls(clock: Clock) -> None:
    bridge = ProgressBridge("op", clock=clock)
    seen = [bridge.get_status().progress.percentage]

    def look() -> None:
        seen.append(bridge.get_status().progress.percentage)

    bridge.enter(BEFORE)
    for done in (1, 2, 4):
        bridge.reach(done, 4)
        look()
    bridge.enter(MAIN)
    look()
    for step in (1, 5, 10):
        bridge.update(step, 10)
        look()
        bridge.announce("Beside it", step, 20, "rows")
        look()
    bridge.enter(AFTER)
    look()
    bridge.reach(1, 1)
    look()
    assert seen == sorted(seen)
    assert seen == pytest.approx([0, 5, 10, 20, 20, 27, 27, 55, 55, 90, 90, 90, 100])
    assert bridge.get_status().progress.current_step == 10


def test_a_chunk_tells_how_far_how_fast_and_how_long_still(clock: Clock) -> None:
    bridge = ProgressBridge("op", clock=clock)
    bridge.enter(Phase("Predicting", 0.5))
    assert bridge.get_status().progress.message == "Predicting"
    clock.seconds += 29
    bridge.reach(350_000, 1_450_000)
    message = bridge.get_status().progress.message
    assert message == "Predicting 350,000 of 1,450,000 bars, 12,069 a second, 91 s left"
    clock.seconds += 300
    assert bridge.get_status().progress.message == message  # what is known, not a guess that ages
    bridge.reach(1_450_000, 1_450_000)
    assert bridge.get_status().progress.message == "Predicting 1,450,000 of 1,450,000 bars"


@pytest.mark.parametrize(("done", "rate", "left"), [(10, "1", "90 s"), (1, "0.1", "16 min"), (500, "50", "0 s")])
def test_slow_rates_and_long_times_stay_readable(clock: Clock, done: int, rate: str, left: str) -> None:
    bridge = ProgressBridge("op", clock=clock)
    bridge.enter(BEFORE)
    clock.seconds += 10
    bridge.reach(done, 100 if done < 100 else 501)
    found = re.fullmatch(r".*, (\S+) a second, (.+) left", bridge.get_status().progress.message)
    assert found is not None
    assert found.groups() == (rate, left)


def test_a_step_that_moves_is_never_stuck_however_long_it_takes(clock: Clock) -> None:
    bridge, health = ProgressBridge("op", clock=clock), HealthService(stuck_after_seconds=600)
    bridge.enter(BEFORE)
    for done in range(1, 50):
        clock.seconds += 500
        assert health.assess(bridge.get_status().idle_seconds, OperationStatus.RUNNING) is None
        bridge.reach(done, 50)
    for done in range(1, 50):
        clock.seconds += 500
        assert health.assess(bridge.get_status().idle_seconds, OperationStatus.RUNNING) is None
        bridge.announce("Examining", done, 50, "rows")
    clock.seconds += 601
    assert health.assess(bridge.get_status().idle_seconds, OperationStatus.RUNNING) is not None


def test_a_run_without_phases_is_counted_by_its_samples() -> None:
    bridge = ProgressBridge("op")
    bridge.update(1, 4)
    assert bridge.get_status().progress.percentage == 25
