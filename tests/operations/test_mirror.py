from __future__ import annotations

from ktrdr_engine.operations.mirror import Mirror
from ktrdr_engine.operations.models import MetricsPage


def _page(values: list[int], new_cursor: int, dropped: int = 0) -> MetricsPage:
    return MetricsPage(
        metrics={"b": [{"v": v} for v in values]}, new_cursor=new_cursor, has_more=False, dropped=dropped
    )


def test_a_copy_reads_in_pages_under_numbers_of_its_own_and_counts_what_the_worker_dropped() -> None:
    mirror = Mirror()
    mirror.add(_page([1, 2], 700, dropped=3))
    mirror.add(_page([3], 900))
    first = mirror.page(0, 2)
    assert (first.metrics["b"], first.has_more, first.dropped) == ([{"v": 1}, {"v": 2}], True, 3)
    rest = mirror.page(first.new_cursor, 2)
    assert (rest.metrics["b"], rest.has_more, rest.dropped, rest.new_cursor) == ([{"v": 3}], False, 0, 6)
    assert mirror.remote_cursor == 900
    assert mirror.history().page(0, 2) == first


def test_a_copy_is_bounded_and_says_how_many_are_gone() -> None:
    mirror = Mirror()
    for start in range(0, 12_000, 500):
        mirror.add(_page(list(range(start, start + 500)), start + 500))
    history = mirror.history()
    assert history.last == 12_000
    assert 4_000 < len(history.entries["b"]) <= 5_000
    assert history.entries["b"][-1] == (12_000, {"v": 11_999})
    assert mirror.page(0, 500).dropped == 12_000 - len(history.entries["b"])
