"""Missing bars, judged by the market's own habits.

A bar is missed where none is, but more than half of the four weeks with bars before and the four after have one at the
same time of the week. Nights and weekends are therefore no gaps, also when clocks change or sessions move, and a hole
of any length is seen whole: weeks without any bar are no witnesses.

Of what is missed, these are closures: where a market rests at weekends, a single trading day, or the rest of one before
or after a night; several days that it misses in other years too, or in a season of holidays while a year is not known;
days on which the exchanges of New York are known to have stayed closed; and where single bars are missing every day,
for want of trade, what is not longer than that market's usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.days import DAY_NS, trading_days
from ktrdr_engine.bars.market import CRYPTO, US_EQUITY, infer_market
from ktrdr_engine.bars.series import BarSeries

_WEEK: Final = 7 * DAY_NS
_AROUND: Final = 4  # weeks on each side that say what is usual
_CELLS_AT_ONCE: Final = 4_000_000
_OFTEN: Final = 7  # holes a week that make missing bars a habit: one a day
_LONGER: Final = 2  # times the usual hole
_HALF_DAY: Final = 0.6  # of a day's bars, that early closes leave out
_AN_EVENING: Final = 0.25  # of a day's bars, that may be missing around a holiday
_HOLIDAYS: Final = 8  # trading days; the longest closures of exchanges, at a Lunar New Year or an Eid, have no more
_YEAR: Final = 365
_MOVES: Final = 30  # days by which a feast of the moon moves between years
_SEASONS: Final = ((1219, 1231), (101, 104), (119, 227), (428, 508), (928, 1010))
"""Month and day, as a number, of year's end, the Lunar New Year, and the golden weeks of Japan and China."""
_CLOSED_IN_NEW_YORK: Final = np.array(
    [
        ("1914-07-31", "1914-12-11"),  # the outbreak of the first world war
        ("1933-03-04", "1933-03-14"),  # the bank holiday
        ("1945-08-15", "1945-08-16"),  # the end of the second world war
        ("2001-09-11", "2001-09-14"),  # the attacks of September 11
        ("2007-01-01", "2007-01-02"),  # New Year and the mourning for President Ford
        ("2012-10-29", "2012-10-30"),  # hurricane Sandy
    ],
    dtype="datetime64[D]",
).astype(np.int64)
"""First and last day, days since 1970, of the closures of two trading days or more that no calendar foresaw, as the
New York Stock Exchange records its special closings."""

Slots = NDArray[np.int64]


class Gap(NamedTuple):
    """Missed bars in a row: opens of the first and the last, ns UTC, and how many."""

    first: int
    last: int
    bars: int


class _Holes(NamedTuple):
    """What is missed between two bars: the row of the bar after it, the first and the last slot missed, how many."""

    row: Slots
    first: Slots
    last: Slots
    missed: Slots

    def where(self, kept: NDArray[np.bool_]) -> _Holes:
        return _Holes(*(column[kept] for column in self))


def find_gaps(series: BarSeries) -> tuple[Gap, ...]:
    """Return the gaps between the first and the last bar, in order."""
    length, begin = series.timeframe.nanoseconds, int(series.timestamp[0])
    slot = (series.timestamp - begin + length // 2) // length
    holes, weeks = _holes(slot, _WEEK // length)
    if len(holes.row) >= _OFTEN * weeks:
        usual = np.sort(holes.missed)[-max(2, -(-weeks // _AROUND))] if len(holes.row) > 1 else 0
        holes = holes.where(holes.missed > _LONGER * usual)
    if length <= DAY_NS and _rests(series):
        holes = holes.where(~_is_closure(series, holes))
    rows = zip(holes.first.tolist(), holes.last.tolist(), holes.missed.tolist(), strict=True)
    return tuple(Gap(begin + first * length, begin + last * length, missed) for first, last, missed in rows)


def gap_note(gaps: tuple[Gap, ...], name: str, first: int, last: int, effect: str) -> str | None:
    """Say what is missing of `name` in a range of stamps, ns UTC, the longest gap with its dates, and its effect.

    None where nothing is missing.
    """
    inside = [gap for gap in gaps if gap.last >= first and gap.first <= last]
    if not inside:
        return None
    longest = max(inside, key=lambda gap: gap.bars)
    bars = f"{longest.bars} bar{'s' * (longest.bars != 1)} from {format_stamp(longest.first)} to "
    bars += f"{format_stamp(longest.last)}"
    missing = sum(gap.bars for gap in inside)
    several = f"{len(inside)} gaps with {missing} bars missing inside the range, the longest of {bars}"
    found = several if len(inside) > 1 else f"a gap inside the range, of {bars}"
    return f"The prices of {name} have {found}: {effect} as if nothing had happened."


def _rests(series: BarSeries) -> bool:
    return CRYPTO not in (series.market, infer_market(series.timestamp, series.timeframe))


def _holes(slot: Slots, per_week: int) -> tuple[_Holes, int]:
    """Return where bars are missed, and how many weeks have any."""
    every = np.arange(int(slot[-1]) // per_week + 1)
    rows = np.searchsorted(slot, np.append(every, every[-1] + 1) * per_week)
    weeks, starts = every[rows[1:] > rows[:-1]], rows[:-1][rows[1:] > rows[:-1]]
    found = [*_in_weeks(slot, weeks, starts, per_week), *_between_weeks(slot, weeks, starts, per_week)]
    row, first, last, missed = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(first, kind="stable")
    row, first, last, missed = row[order], first[order], last[order], missed[order]
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    if not len(begins):
        return _Holes(row, first, last, missed), len(weeks)
    joined = _Holes(
        row[begins],
        np.minimum.reduceat(first, begins),
        np.maximum.reduceat(last, begins),
        np.add.reduceat(missed, begins),
    )
    return joined, len(weeks)


def _in_weeks(slot: Slots, weeks: Slots, starts: NDArray[np.intp], per_week: int) -> Iterator[_Holes]:
    """Yield each missed bar of the weeks that have bars; a block of weeks at a time, to bound the memory."""
    ends, step = np.append(starts[1:], len(slot)), max(1, _CELLS_AT_ONCE // per_week)
    for first in range(0, len(weeks), step):
        last = min(first + step, len(weeks))
        low, high = max(0, first - _AROUND), min(last + _AROUND, len(weeks))
        present = _present(slot, weeks, (low, high), (int(starts[low]), int(ends[high - 1])), per_week)
        known = _known(slot, (low, high), len(weeks), per_week)
        seen, of = (_sums(cells)[first - low : last - low] for cells in (present, known))
        missed = (2 * seen > of) & (present[first - low : last - low] == 0) & (known[first - low : last - low] == 1)
        week, at = np.nonzero(missed)
        slots = weeks[first + week] * per_week + at
        yield _Holes(np.searchsorted(slot, slots), slots, slots, np.ones(len(slots), np.int64))


def _between_weeks(slot: Slots, weeks: Slots, starts: NDArray[np.intp], per_week: int) -> Iterator[_Holes]:
    """Yield what is missed in the weeks without any bar, a run of them at a time."""
    ends = np.append(starts[1:], len(slot))
    for after in (np.flatnonzero(np.diff(weeks) > 1) + 1).tolist():
        low, high = max(0, after - _AROUND), min(after + _AROUND, len(weeks))
        present = _present(slot, weeks, (low, high), (int(starts[low]), int(ends[high - 1])), per_week)
        of = _known(slot, (low, high), len(weeks), per_week).sum(axis=0)
        at = np.flatnonzero(2 * present.sum(axis=0) > of)
        if len(at):
            since, until = int(weeks[after - 1]) + 1, int(weeks[after]) - 1
            first, last = since * per_week + at[0], until * per_week + at[-1]
            columns = (starts[after], first, last, len(at) * (until - since + 1))
            yield _Holes(*(np.array([value], np.int64) for value in columns))


def _present(
    slot: Slots, weeks: Slots, block: tuple[int, int], rows: tuple[int, int], per_week: int
) -> NDArray[np.int8]:
    cells = np.zeros((block[1] - block[0], per_week), np.int8)
    own = slot[rows[0] : rows[1]]
    # Cells lie where slots do, less the weeks without bars in between.
    left_out = (weeks[block[0] : block[1]] - np.arange(block[1] - block[0])) * per_week
    counts = np.diff(np.searchsorted(own, weeks[block[0] : block[1]] * per_week), append=len(own))
    cells.flat[own - np.repeat(left_out, counts)] = 1
    return cells


def _known(slot: Slots, block: tuple[int, int], weeks: int, per_week: int) -> NDArray[np.int8]:
    """Return 1 for each slot of a block of weeks up to the last bar."""
    cells = np.ones((block[1] - block[0], per_week), np.int8)
    if block[1] == weeks:
        cells[-1, int(slot[-1]) % per_week + 1 :] = 0
    return cells


def _sums(cells: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return, for each week, the sum over the weeks before and after it, itself left out."""
    sums = np.zeros_like(cells)
    for distance in range(1, min(_AROUND, len(cells) - 1) + 1):
        sums[distance:] += cells[:-distance]
        sums[:-distance] += cells[distance:]
    return sums


def _is_closure(series: BarSeries, holes: _Holes) -> NDArray[np.bool_]:
    """Return which holes a market that rests at weekends makes of itself."""
    if not len(holes.row):
        return np.zeros(0, dtype=bool)
    length, begin = series.timeframe.nanoseconds, int(series.timestamp[0])
    days = trading_days(series.timestamp, series.timeframe, series.market)
    before, after = days[holes.row - 1], days[holes.row]
    traded = days[np.diff(days, prepend=days[0] - 1) > 0]
    whole, a_day = _days_between(before, after, traded), len(days) / len(traded)
    first, last = (
        trading_days(begin + slots * length, series.timeframe, series.market) for slots in (holes.first, holes.last)
    )
    rest = holes.missed - whole * a_day
    on_both_sides = (first == before) & (last == after)
    few_days = (before != after) & (whole <= 1) & (rest <= _HALF_DAY * a_day)
    few_days &= ~on_both_sides | (rest < np.where(whole == 1, _AN_EVENING * a_day, 0))
    closures: NDArray[np.bool_] = few_days | _is_holidays(before, whole, (int(days[0]), int(days[-1])))
    if series.market.name == US_EQUITY.name:
        for closed, until in _CLOSED_IN_NEW_YORK.tolist():
            closures |= (first >= closed) & (last <= until)
    return closures


def _days_between(before: Slots, after: Slots, days: Slots) -> Slots:
    """Return how many days between two, on weekdays on which there usually are bars, have none."""
    traded = np.bincount((days + 3) % 7, minlength=7)
    usual = 2 * traded > traded.max()
    since, until = (one.astype("datetime64[D]") for one in (before + 1, np.maximum(after, before + 1)))
    return np.busday_count(since, until, weekmask=usual.tolist()).astype(np.int64)


def _is_holidays(before: Slots, whole: Slots, span: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which holes of several days recur in other years, or lie in a season of holidays, if no year is known."""
    few = (whole > 1) & (whole <= _HOLIDAYS)
    days = before[few]
    recurs = np.zeros(len(days), dtype=bool)
    for years in (-2, -1, 1, 2):
        near = days + years * _YEAR
        recurs |= np.searchsorted(days, near - _MOVES) < np.searchsorted(days, near + _MOVES, "right")
    unknown = (days - span[0] < _YEAR + _MOVES) & (span[1] - days < _YEAR + _MOVES)
    dates = (days + 1).astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    date = (month.astype(np.int64) % 12 + 1) * 100 + (dates - month).astype(np.int64) + 1
    in_season = np.logical_or.reduce([(first <= date) & (date <= last) for first, last in _SEASONS])
    found = np.zeros(len(whole), dtype=bool)
    found[few] = recurs | (unknown & in_season)
    return found
