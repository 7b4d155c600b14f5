"""Asking a source over the network: again after a while when it does not answer, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import stamina

from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.errors import SourceUnavailable

_ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 15.0
_LONGEST_SECONDS = 120.0

T = TypeVar("T")


class NotNow(Exception):
    """What a source answered is worth a second attempt; the message says what it was."""


def ask_again(ask: Callable[[], T], heed: Heed, what: str) -> T:
    """Return what `ask` returns; after a `NotNow` ask again, with longer and longer pauses.

    Raises:
        SourceUnavailable: The last attempt failed too.
        OperationCancelled: Somebody asked to stop meanwhile.
    """
    # The operation's progress tells of attempts; the retry library would write to stderr as well.
    stamina.instrumentation.set_on_retry_hooks(())
    attempts = stamina.retry_context(
        on=NotNow,
        attempts=_ATTEMPTS,
        timeout=_LONGEST_SECONDS,
        wait_initial=_FIRST_WAIT_SECONDS,
        wait_max=_LONGEST_WAIT_SECONDS,
    )
    try:
        for attempt in attempts:
            with attempt:
                heed(f"Asking {what}" + (f", attempt {attempt.num}" if attempt.num > 1 else ""))
                answer = ask()
    except NotNow as failure:
        raise SourceUnavailable(
            f"{what} does not answer with prices ({failure}), also when asked again. Load again later: it goes on "
            "from where it stopped.",
            details={"source": what},
        ) from failure.__cause__
    return answer
