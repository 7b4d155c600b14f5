"""Cooperative cancellation: one flag for an operation's whole life.

The event loop sets it, the worker thread reads it. It stops nothing by itself.
"""

from __future__ import annotations

from ktrdr_engine.errors import OperationCancelled


class CancellationToken:
    """A one-way flag with the first reason it was given.

    Guarantees:
        - Once cancelled it stays cancelled, and the reason never changes.
        - `is_cancelled` is one attribute read: cheap enough for an inner loop, from any thread, without a lock.
        - Whoever sees `is_cancelled` also sees the reason.
    """

    __slots__ = ("__weakref__", "is_cancelled", "reason")

    def __init__(self) -> None:
        self.is_cancelled = False
        self.reason: str | None = None

    def cancel(self, reason: str | None = None) -> None:
        """Set the flag; a second call changes nothing."""
        if not self.is_cancelled:
            self.reason = reason
            self.is_cancelled = True

    def raise_if_cancelled(self) -> None:
        """Return quietly while nobody has cancelled.

        Raises:
            OperationCancelled: Somebody has; the message carries the reason.
        """
        if self.is_cancelled:
            raise OperationCancelled(f"The operation was cancelled: {self.reason or 'no reason was given'}.")
