from __future__ import annotations

import asyncio
import os
import signal

import anyio
import pytest

from ktrdr_engine.cli.signals import ending_signals


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _no_handlers(*_: object) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("loop_has_handlers", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_becomes_a_call_on_the_loop_and_its_old_handler_comes_back(
    number: signal.Signals, loop_has_handlers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not loop_has_handlers:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", _no_handlers)
    before = signal.getsignal(number)
    told: list[int] = []
    came = anyio.Event()

    def notify(received: int) -> None:
        told.append(received)
        came.set()

    with ending_signals(notify):
        os.kill(os.getpid(), number)
        await came.wait()
    assert told == [number]
    assert signal.getsignal(number) is before


async def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    told: list[int] = []
    try:
        with ending_signals(told.append):
            os.kill(os.getpid(), signal.SIGHUP)
            await anyio.wait_all_tasks_blocked()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert told == []
