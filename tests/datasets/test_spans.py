from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.datasets.spans import Span, slices, uncovered, union

SPANS = st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))


def moments(spans: list[Span]) -> set[int]:
    return {moment for span in spans for moment in range(span.first, span.last + 1)}


def united(spans: list[Span]) -> tuple[Span, ...]:
    whole: tuple[Span, ...] = ()
    for span in spans:
        whole = union(whole, span)
    return whole


@given(st.lists(SPANS))
def test_a_union_holds_every_moment_once_and_touching_spans_are_one(spans: list[Span]) -> None:
    whole = united(spans)
    assert moments(list(whole)) == moments(spans)
    assert all(before.last + 1 < after.first for before, after in itertools.pairwise(whole))


@given(st.lists(SPANS), SPANS)
def test_what_is_uncovered_is_what_was_asked_without_what_is_covered(spans: list[Span], asked: Span) -> None:
    rest = list(uncovered(asked, united(spans)))
    assert moments(rest) == moments([asked]) - moments(spans)


@given(SPANS, st.integers(1, 30))
def test_slices_are_the_span_in_order_and_no_longer_than_asked(span: Span, length: int) -> None:
    cut = slices(span, length)
    assert [moment for piece in cut for moment in range(piece.first, piece.last + 1)] == sorted(moments([span]))
    assert all(piece.last - piece.first < length for piece in cut)
