"""Cooperative cancellation: one flag for an operation's whole life.

The event loop sets it, the worker thread reads it. It stops nothing by itself.
"""

from __future__ import annotations

from ktrdr_engine.errors import OperationCancelled


class CancellationToken:
    """A one-way flag with the first reason it was given.

    Guarantees:
        - Once cancelled it stays cancelled, and the reason never changes.
        - `flag` is one byte, 0 until somebody cancels, which stays where it is: cheap enough for an inner loop, from
          any thread, without a lock; compiled code may read it by its address.
        - Whoever sees `is_cancelled` also sees the reason.
    """

    __slots__ = ("__weakref__", "flag", "reason")

    def __init__(self) -> None:
        self.flag = bytearray(1)
        self.reason: str | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has cancelled."""
        return self.flag[0] != 0

    def cancel(self, reason: str | None = None) -> None:
        """Set the flag; a second call changes nothing."""
        if not self.is_cancelled:
            self.reason = reason
            self.flag[0] = 1

    def raise_if_cancelled(self) -> None:
        """Return quietly while nobody has cancelled.

        Raises:
            OperationCancelled: Somebody has; the message carries the reason.
        """
        if self.is_cancelled:
            raise OperationCancelled(f"The operation was cancelled: {self.reason or 'no reason was given'}.")
