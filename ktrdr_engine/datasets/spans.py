"""Stretches of time, and which of them a source has been asked about already. Numbers only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of bar opens, ns UTC, both ends included."""

    first: int
    last: int


ALWAYS = Span(-(2**63), 2**63 - 1)


def union(spans: Iterable[Span], more: Span) -> tuple[Span, ...]:
    """Return the spans with one more, sorted, those that touch made one."""
    joined: list[Span] = []
    for span in sorted([*spans, more]):
        if joined and span.first <= joined[-1].last + 1:
            joined[-1] = Span(joined[-1].first, max(joined[-1].last, span.last))
        else:
            joined.append(span)
    return tuple(joined)


def uncovered(asked: Span, covered: Iterable[Span]) -> Iterator[Span]:
    """Yield the parts of `asked` that no span covers, in order; `covered` is sorted and does not overlap."""
    first = asked.first
    for span in covered:
        if span.last < first or span.first > asked.last:
            continue
        if span.first > first:
            yield Span(first, span.first - 1)
        first = span.last + 1
    if first <= asked.last:
        yield Span(first, asked.last)


def slices(span: Span, length: int) -> list[Span]:
    """Return the span cut into slices of `length` ns, the last one shorter."""
    return [Span(first, min(first + length - 1, span.last)) for first in range(span.first, span.last + 1, length)]
