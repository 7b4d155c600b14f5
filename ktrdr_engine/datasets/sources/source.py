"""What a load needs of a source of prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ktrdr_engine.datasets.spans import Span

if TYPE_CHECKING:
    from ktrdr_engine.bars.market import Market
    from ktrdr_engine.bars.series import BarSeries


class Heed(Protocol):
    """Takes what is being done, after each chunk of it, and stops the work when somebody asked for that."""

    def __call__(self, message: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """Take it; the arguments are those of `ProgressBridge.announce`.

        Raises:
            OperationCancelled: Somebody asked to stop.
        """
        ...


class Source(Protocol):
    """One instrument and timeframe at one source.

    Attributes:
        label: Names source and instrument; coverage is kept under it.
        by_time: Whether spans it was asked about need not be asked about again.
        adjusts: Whether it rewrites old prices after dividends and splits, so that old and new ones do not mix.
        notes: What a reader of its bars should know.
        market: Whose bars they are, as far as the source tells; known once bars have been fetched.
    """

    @property
    def label(self) -> str:
        """Return source and instrument."""
        ...

    @property
    def by_time(self) -> bool:
        """Return whether coverage is kept."""
        ...

    @property
    def adjusts(self) -> bool:
        """Return whether old prices change."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what to know."""
        ...

    @property
    def market(self) -> Market | None:
        """Return the market, None: the source does not tell."""
        ...

    def plan(self, asked: Span, heed: Heed) -> list[Span]:
        """Return the segments to fetch one after the other.

        Raises:
            DataError: There is nothing, or it breaks a rule of bars.
        """
        ...

    def fetch(self, segment: Span, heed: Heed) -> BarSeries | None:
        """Return the closed bars that open in the segment; None: there are none.

        Raises:
            DataError: A bar breaks a rule, or the source does not know the instrument.
            SourceUnavailable: The source does not answer, also not when asked again.
        """
        ...

    def close(self) -> None:
        """Let connections go."""
        ...
