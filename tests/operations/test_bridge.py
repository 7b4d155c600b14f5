from __future__ import annotations

import math
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.history import Bucket, Series
from ktrdr_engine.operations.models import MetricsPage
from tests.operations.work import Clock

_BARS = Bucket("bars", {"bar": "q", "total": "q", "pnl": "d"}, limit=8)
_TRADES = Bucket(
    "trades",
    {"side": "b", "price": "d"},
    limit=16,
    policy="latest",
    render=lambda side, price: {"side": "LS"[side], "price": price},
)


class Bars(ProgressBridge):
    """The shape of a real kind: named numbers in, text out."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__("op", samples=_BARS, events=(_TRADES,), clock=clock or Clock())

    def describe(self, step: int, total: int, fields: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
        return f"bar {step}", {"pnl": fields[0]} if fields else {}


def read_all(bridge: ProgressBridge, limit: int, cursor: int = 0) -> Iterator[MetricsPage]:
    while True:
        page = bridge.get_metrics(cursor, limit)
        yield page
        if not page.has_more:
            return
        cursor = page.new_cursor


def test_a_status_is_the_newest_sample_as_text_and_numbers() -> None:
    bridge = Bars()
    bridge.update(1, 4, 0.5)
    bridge.update(2, 4, 2.5)
    progress = bridge.get_status().progress
    assert (progress.percentage, progress.message, progress.current_step, progress.total_steps) == (50.0, "bar 2", 2, 4)
    assert progress.context == {"pnl": 2.5}


def test_numbers_of_numpy_become_plain_ones() -> None:
    bridge = Bars()
    bridge.update(np.int64(1), np.int64(4), np.float64(math.inf))  # type: ignore[arg-type]  # what kernels hand over
    progress = bridge.get_status().progress
    assert type(progress.percentage) is float
    assert progress.context == {"pnl": None}
    assert bridge.get_metrics().metrics["bars"] == [{"bar": 1, "total": 4, "pnl": None}]
    bridge.update(2, 4, np.float32(0.5))  # type: ignore[arg-type]  # the same
    assert type(bridge.get_status().progress.context["pnl"]) is float


def test_before_the_first_sample_the_status_is_empty() -> None:
    progress = ProgressBridge("op").get_status().progress
    assert (progress.percentage, progress.message, progress.current_step, progress.total_steps) == (0.0, "", 0, 0)


@pytest.mark.parametrize(
    ("step", "total", "percentage"), [(101, 100, 100.0), (-5, 100, 0.0), (5, 0, 0.0), (5, -1, 0.0)]
)
def test_percentage_stays_between_0_and_100(step: int, total: int, percentage: float) -> None:
    bridge = ProgressBridge("op")
    bridge.update(step, total)
    assert bridge.get_status().progress.percentage == percentage


def test_idle_time_counts_from_the_newest_sign_of_life(clock: Clock) -> None:
    bridge = Bars(clock)
    clock.seconds += 30
    assert bridge.get_status().idle_seconds == 30
    bridge.touch()
    assert bridge.get_status().idle_seconds == 0
    clock.seconds += 5
    bridge.announce("Loading")
    assert bridge.get_status().idle_seconds == 0
    clock.seconds += 7
    bridge.update(1, 4, 0.0)
    assert bridge.get_status().idle_seconds == 0


def test_an_announcement_shows_until_the_next_sample() -> None:
    bridge = Bars()
    bridge.announce("Loading prices")
    assert bridge.get_status().progress.message == "Loading prices"
    bridge.update(1, 4, 0.0)
    assert bridge.get_status().progress.message == "bar 1"


def test_metrics_come_by_bucket_in_order_and_every_bucket_is_named() -> None:
    bridge = Bars()
    bridge.update(1, 4, 0.5)
    bridge.update(2, 4, math.nan)
    page = bridge.get_metrics()
    assert page.model_dump() == {
        "metrics": {"bars": [{"bar": 1, "total": 4, "pnl": 0.5}, {"bar": 2, "total": 4, "pnl": None}], "trades": []},
        "new_cursor": 2,
        "has_more": False,
        "dropped": 0,
    }
    assert page.numbers == {"bars": [1, 2], "trades": []}
    bridge.record("trades", 1, 9.5)
    assert bridge.get_metrics(2).metrics == {"bars": [], "trades": [{"side": "S", "price": 9.5}]}


def test_a_limit_counts_over_all_buckets() -> None:
    bridge = Bars()
    for bar in range(3):
        bridge.update(bar, 9, 0.0)
        bridge.record("trades", 0, float(bar))
    page = bridge.get_metrics(0, 3)
    assert (len(page.metrics["bars"]), len(page.metrics["trades"]), page.new_cursor, page.has_more) == (2, 1, 3, True)


@pytest.mark.parametrize("cursor", [-1, 3])
def test_a_cursor_from_nowhere_is_refused_with_the_way_back(cursor: int) -> None:
    bridge = Bars()
    bridge.update(1, 4, 0.0)
    bridge.update(2, 4, 0.0)
    with pytest.raises(InvalidRequest, match="cursor=0"):
        bridge.get_metrics(cursor)


@pytest.mark.parametrize("limit", [0, 501])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 500"):
        Bars().get_metrics(0, limit)


def test_a_full_sample_bucket_is_thinned_evenly_and_says_how_many_are_gone() -> None:
    bridge = Bars()
    for bar in range(100):
        bridge.update(bar, 100, 0.0)
    page = bridge.get_metrics(0, 500)
    bars = [entry["bar"] for entry in page.metrics["bars"]]
    assert bars == list(range(0, 100, 16))
    assert (page.new_cursor, page.dropped) == (100, 100 - len(bars))


def test_thinning_is_even_although_other_buckets_share_the_numbers() -> None:
    bridge = Bars()
    for bar in range(40):
        bridge.update(bar, 40, 0.0)
        bridge.record("trades", 0, 0.0)
    assert [entry["bar"] for entry in bridge.get_metrics(0, 500).metrics["bars"]] == list(range(0, 40, 8))


def test_a_full_event_bucket_drops_its_oldest() -> None:
    bridge = Bars()
    for price in range(100):
        bridge.record("trades", 0, float(price))
    prices = [entry["price"] for entry in bridge.get_metrics(0, 500).metrics["trades"]]
    assert prices == [float(price) for price in range(100 - len(prices), 100)]
    assert 14 <= len(prices) <= 16


def test_events_may_be_thinned_like_samples() -> None:
    bridge = ProgressBridge("op", events=(Bucket("notes", {"n": "i"}, limit=4),))
    for number in range(9):
        bridge.record("notes", number)
    assert [entry["n"] for entry in bridge.get_metrics().metrics["notes"]] == [0, 4, 8]


def test_a_bucket_too_small_to_thin_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        Series(Bucket("x", {"a": "d"}, limit=1))


@pytest.mark.parametrize("samples", [1, 7, 8, 9, 40, 100])
def test_a_writer_who_skips_what_is_not_kept_leaves_the_same_history(samples: int) -> None:
    patient, hasty = Bars(), Bars()
    for bar in range(samples):
        patient.update(bar, samples, float(bar))
    bar = 0
    while bar < samples:
        hasty.update(bar, samples, float(bar))
        skipped = min(hasty.to_skip, samples - bar - 1)
        hasty.skip(skipped)
        bar += skipped + 1
    assert hasty.get_metrics(0, 500) == patient.get_metrics(0, 500)
    assert hasty.last_number == patient.last_number == samples


@given(sizes=st.lists(st.integers(0, 40), max_size=6))
def test_packed_entries_leave_what_single_ones_leave(sizes: list[int]) -> None:
    single, packed = Bars(), Bars()
    for size in sizes:
        numbers = range(packed.last_number + 1, packed.last_number + 1 + size)
        packed.record_packed("trades", b"".join(struct.pack("<Qbd", n, n % 2, n / 2) for n in numbers))
        for number in numbers:
            single.record("trades", number % 2, number / 2)
    assert packed.get_metrics(0, 500) == single.get_metrics(0, 500)
    assert packed.last_number == sum(sizes)


def test_a_thinned_bucket_takes_no_packed_entries() -> None:
    with pytest.raises(ValueError, match="one by one"):
        ProgressBridge("op").record_packed("history", bytes(24))


@given(
    writes=st.lists(st.sampled_from(["sample", "trade", "read"]), max_size=120),
    limit=st.integers(1, 7),
)
@settings(max_examples=60, deadline=None)
def test_reading_on_never_repeats_never_skips_and_accounts_for_every_number(writes: list[str], limit: int) -> None:
    bridge, cursor, total = Bars(), 0, 0
    seen: list[tuple[str, float]] = []
    counted = 0
    for what in writes:
        if what == "read":
            before, page = cursor, bridge.get_metrics(cursor, limit)
            found = [("bars", e["bar"]) for e in page.metrics["bars"]] + [
                ("trades", e["price"]) for e in page.metrics["trades"]
            ]
            assert len(found) <= limit
            assert page.new_cursor - before == len(found) + page.dropped
            counted += len(found) + page.dropped
            seen += found
            cursor = page.new_cursor
        elif what == "sample":
            bridge.update(total, 200, 0.0)
            total += 1
        else:
            bridge.record("trades", 0, float(total))
            total += 1
    kept = {("bars", e["bar"]) for p in read_all(bridge, 500) for e in p.metrics["bars"]}
    kept |= {("trades", e["price"]) for p in read_all(bridge, 500) for e in p.metrics["trades"]}
    rest = [page for page in read_all(bridge, limit, cursor)]
    seen += [("bars", e["bar"]) for page in rest for e in page.metrics["bars"]]
    seen += [("trades", e["price"]) for page in rest for e in page.metrics["trades"]]
    assert len(seen) == len(set(seen))
    assert kept <= set(seen)
    assert (
        counted + sum(len(page.metrics["bars"]) + len(page.metrics["trades"]) + page.dropped for page in rest) == total
    )


def test_the_whole_history_pages_like_the_live_one() -> None:
    bridge = Bars()
    for bar in range(30):
        bridge.update(bar, 30, 0.0)
        bridge.record("trades", 0, float(bar))
    history = bridge.history()
    for cursor in (0, 7, 30, 59, 60):
        assert history.page(cursor, 5) == bridge.get_metrics(cursor, 5)


def test_a_reader_in_a_tight_loop_never_sees_a_torn_or_repeated_entry() -> None:
    bridge = Bars()
    writes = 30_000
    switch = sys.getswitchinterval()
    done = threading.Event()

    def write() -> None:
        for bar in range(writes):
            bridge.update(bar, writes, float(bar))
            if bar % 3 == 0:
                bridge.record("trades", bar % 2, float(bar))
        done.set()

    writer = threading.Thread(target=write)
    sys.setswitchinterval(1e-5)
    try:
        writer.start()
        cursor, numbers, seen, last_bar, last_trade = 0, 0, 0, -1, -1.0
        while True:
            finished = done.is_set()
            progress = bridge.get_status().progress
            assert progress.current_step == progress.context.get("pnl", 0)
            page = bridge.get_metrics(cursor, 5)
            assert page.new_cursor >= cursor
            for entry in page.metrics["bars"]:
                assert entry["bar"] == entry["pnl"] > last_bar
                last_bar = entry["bar"]
            for entry in page.metrics["trades"]:
                assert entry["price"] > last_trade
                assert entry["side"] == "LS"[int(entry["price"]) % 2]
                last_trade = entry["price"]
            found = len(page.metrics["bars"]) + len(page.metrics["trades"])
            numbers += found + page.dropped
            seen += found
            cursor = page.new_cursor
            if finished and not page.has_more:
                break
    finally:
        sys.setswitchinterval(switch)
        writer.join()
    assert numbers == writes + writes // 3
    assert seen > 0


def test_a_sample_can_be_shown_without_being_kept() -> None:
    bridge = ProgressBridge("op_test_20250103_k3v9x2m7qa")
    bridge.update(1, 4)
    bridge.advance(2, 4, ())
    assert bridge.get_status().progress.current_step == 2
    assert bridge.get_metrics().metrics == {"history": [{"step": 1, "total": 4}]}
    assert bridge.get_metrics().new_cursor == 1
