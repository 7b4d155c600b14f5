"""The signals that ask a process to end, as a call on its event loop. Every main of ktrdr uses this one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

ENDING = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


def _ending() -> tuple[signal.Signals, ...]:
    """Return what ends a process: SIGHUP too, unless whoever started it (nohup) has it ignored."""
    if _HANGUP is None or signal.getsignal(_HANGUP) is signal.SIG_IGN:
        return ENDING
    return (*ENDING, _HANGUP)


@contextmanager
def ending_signals(notify: Callable[[int], None]) -> Iterator[None]:
    """While inside, call `notify(signal number)` on the running loop instead of what these signals would do.

    Enter it on the main thread: no other can receive signals.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _ending()}
    for number in before:
        _deliver(loop, number, notify)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _deliver(loop: asyncio.AbstractEventLoop, number: signal.Signals, notify: Callable[[int], None]) -> None:
    try:
        loop.add_signal_handler(number, notify, number)
    except NotImplementedError:
        # Windows loops have no signal handlers; the plain one runs on the main thread, between two bytecodes.
        signal.signal(number, lambda received, _frame: loop.call_soon_threadsafe(notify, received))
