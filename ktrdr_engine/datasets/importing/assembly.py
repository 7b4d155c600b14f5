"""From rows to bars: what a source leaves empty or repeats is left out, what is wrong is refused, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.checks import diagnose, find_unsound
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.days import DAY_NS
from ktrdr_engine.bars.local_dates import at_their_dates, side_by_weekday, side_of_midnights
from ktrdr_engine.bars.rounding import mend_rounding, mended_note
from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.importing.columns import plain
from ktrdr_engine.datasets.importing.numerals import Numbers
from ktrdr_engine.datasets.importing.options import NO_VOLUME, FileOptions
from ktrdr_engine.datasets.importing.patterns import BAD
from ktrdr_engine.datasets.importing.problems import Problems
from ktrdr_engine.datasets.importing.rows import Rows
from ktrdr_engine.datasets.importing.zones import to_utc, zones_repeating
from ktrdr_engine.errors import DataError

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_OUT_OF_PLACE = "Correct the row or remove it"


class ImportedBars(NamedTuple):
    """The bars of a file, and what to know of how they were read."""

    series: BarSeries
    notes: tuple[str, ...]


class _Kept(NamedTuple):
    """Rows with times and prices: their numbers, times as written (ns), which had a zone, prices (5, n)."""

    number: NDArray[np.int64]
    stamps: NDArray[np.int64]
    zoned: NDArray[np.bool_]
    prices: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> _Kept:
        return _Kept(self.number[rows], self.stamps[rows], self.zoned[rows], self.prices[:, rows])


def assemble(rows: Rows, symbol: str, timeframe: Timeframe, options: FileOptions, source: str) -> ImportedBars:
    """Return the bars.

    Raises:
        DataError: Rows break a rule; the first twenty are named, the others counted.
    """
    problems = Problems(source)
    read_as, clock = rows.title and f"{source} was read as {rows.title}", _clock_note(rows, options)
    notes = [f"{'; '.join(filter(None, (read_as, clock)))}."] if read_as or clock else []
    kept = _readable(rows, options, problems, notes, source)
    if len(kept.number):
        kept = _opened(kept, timeframe, notes)
        kept = _ordered(kept, options, problems, notes)
        kept = _once(kept, options, problems, notes)
        if mended := mend_rounding(kept.prices):
            notes.append(mended_note(mended))
        _check(kept, problems)
        if timeframe.nanoseconds >= DAY_NS:
            kept = _dated(kept, rows, options, notes)
    problems.raise_if_any()
    notes += _column_notes(rows)
    columns = {"timestamp": kept.stamps, **dict(zip(PRICE_COLUMNS, kept.prices, strict=True))}
    return ImportedBars(BarSeries.from_columns(symbol, timeframe, columns, source=source), tuple(notes))


def _readable(rows: Rows, options: FileOptions, problems: Problems, notes: list[str], source: str) -> _Kept:
    """Return the rows that have a time and numbers."""
    prices = np.stack([column.values for column in rows.prices])
    no_price = np.isnan(prices) & ~np.stack([column.bad for column in rows.prices])
    header = np.zeros(len(rows.number), dtype=bool)
    header[[row for row, text in rows.stamps.texts.items() if rows.header and text.startswith(rows.header)]] = True
    empty = no_price.all(axis=0)
    # What has a word for one price and no other is an event: Yahoo's page shows "0.24 Dividend" in a row of its own.
    told = np.isnan(prices).all(axis=0) & (no_price.sum(axis=0) == len(no_price) - 1)
    empty |= told & (rows.stamps.local != BAD)
    _add_misfits(rows, problems)
    if (empty | header).all():
        problems.raise_if_any()
        raise DataError(f"{source}: no row has prices. Give a file of open, high, low and close.")
    if empty.any():
        notes.append(_counted(rows.number[empty], "without prices was left out", "without prices were left out"))
    if header.any():
        notes.append(_counted(rows.number[header], "repeats the header and was left out", "repeat the header"))
    unreadable = rows.stamps.local == BAD
    bad = np.flatnonzero(unreadable & ~empty & ~header)
    problems.add(
        rows.number[bad],
        lambda at: _bad_stamp(rows, int(bad[at])),
        "Write it as in the other rows, or as 2024-12-31 15:30",
    )
    volume, no_volume = _volume(rows, options, notes, source)
    wrong = unreadable.copy()
    columns = (*rows.prices, volume)
    for name, column, missing in zip(PRICE_COLUMNS, columns, (*no_price, no_volume), strict=True):
        refused = (column.bad | missing) & ~header & ~empty
        _add_numbers(rows, problems, name, column, np.flatnonzero(refused))
        wrong |= refused
    good = ~(empty | header | wrong)
    kept = _Kept(rows.number, rows.stamps.local, rows.stamps.zoned, np.vstack((prices, volume.values)))
    return kept if good.all() else kept.take(good)


def _add_numbers(rows: Rows, problems: Problems, name: str, column: Numbers, wrong: NDArray[np.int64]) -> None:
    def describe(at: int) -> str:
        text = column.texts.get(int(wrong[at]), "")
        return f"{name}: {text!r} is not a number" if text else f"{name}: the value is missing"

    zero = f", or say that a missing volume is 0: format={NO_VOLUME!r}" if name == "volume" else ""
    problems.add(
        rows.number[wrong],
        describe,
        f"Put the real value there or remove the row{zero}",
        field="format" if name == "volume" else None,
    )


def _add_misfits(rows: Rows, problems: Problems) -> None:
    misfits = rows.misfits
    problems.add(
        rows.misfit_rows,
        lambda at: f"{misfits[at][0]} cells where {rows.width} are expected: {misfits[at][1]!r}",
        "Put quotes around numbers with commas, or separate cells by semicolons"
        if any(cells > rows.width for cells, _ in misfits)
        else "Complete the row or remove it",
    )


def _bad_stamp(rows: Rows, row: int) -> str:
    text = rows.stamps.texts.get(row, "")
    return f"the time {text!r} is no date as {rows.stamps.title}" if text else "the time is missing"


def _volume(rows: Rows, options: FileOptions, notes: list[str], source: str) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the volume and where it is missing; of several columns the first that says something.

    Raises:
        DataError: There is none, and nobody said that it is 0 then.
    """
    volumes = rows.volumes
    filled = [place for place, column in enumerate(volumes) if np.nan_to_num(column.values).any()]
    chosen = filled[0] if filled else 0
    if len(volumes) > 1:
        others = ", ".join(name for place, name in enumerate(rows.volume_names) if place != chosen)
        notes.append(f"The volume is that of {rows.volume_names[chosen]}, not of {others}.")
    nowhere = np.full(len(rows.number), np.nan)
    volume = volumes[chosen] if volumes else Numbers(nowhere, np.zeros(len(nowhere), dtype=bool), {})
    missing = np.isnan(volume.values) & ~volume.bad
    if options.no_volume:
        if missing.any():
            notes.append(
                f"Where the volume is missing it is 0, as format={NO_VOLUME!r} says: rows so filled: {missing.sum():,}."
            )
        values = np.where(missing, 0.0, volume.values)
        return volume._replace(values=values), np.zeros(len(missing), dtype=bool)
    if missing.all():
        spare = f" (columns not used: {', '.join(rows.unused[:8])})" if rows.unused and not volumes else ""
        raise DataError(
            f"{source}: it has no volume{', only an empty column' if volumes else ''}{spare}. Where there is none, as "
            f"in currencies and indices, load again with format={NO_VOLUME!r}: it is then 0 in every bar.",
            details={"field": "format", "missing": ["volume"], "found": list(rows.unused)},
        )
    return volume, missing


def _opened(kept: _Kept, timeframe: Timeframe, notes: list[str]) -> _Kept:
    """Return the rows stamped with their opens, where each is stamped with its last moment: 00:59:59.999."""
    for moment in (1, 1_000, 1_000_000, _SECOND):
        if not ((kept.stamps + moment) % _MINUTE).any():
            notes.append(
                "Its times are the last moments of bars, such as 00:59:59.999 for 00:00: they were moved to the begins."
            )
            return kept._replace(stamps=kept.stamps + moment - timeframe.nanoseconds)
    return kept


def _ordered(kept: _Kept, options: FileOptions, problems: Problems, notes: list[str]) -> _Kept:
    """Return the rows from the oldest to the newest, stamps in UTC."""
    steps = np.diff(kept.stamps)
    if (steps < 0).sum() > (steps > 0).sum():
        kept = kept.take(slice(None, None, -1))
        notes.append("Its rows stood newest first and were turned round.")
    kept = _shifted(kept, options, problems, notes)
    late = np.flatnonzero(np.diff(kept.stamps) < 0) + 1
    if len(late):
        notes.append(
            _counted(kept.number[late], "was out of order and was sorted", "were out of order and were sorted")
        )
        kept = kept.take(np.argsort(kept.stamps, kind="stable"))
    return kept


def _shifted(kept: _Kept, options: FileOptions, problems: Problems, notes: list[str]) -> _Kept:
    """Return the rows with times of the zone turned into UTC."""
    if options.zone is None or kept.zoned.all():
        return kept
    naive = np.flatnonzero(~kept.zoned)
    found = to_utc(kept.stamps[naive], options.zone)
    skipped = naive[found.skipped]
    problems.add(
        kept.number[skipped],
        lambda at: f"the time {_local(kept.stamps[skipped[at]])} does not exist in {options.zone_name}",
        f"Clocks are put forward over it. If those of the file keep winter time, load again with "
        f"timezone={found.winter!r}; else give the timezone it is in",
        field="timezone",
    )
    if found.once.any():
        at = kept.number[naive[found.once]]
        one, more = (f"in an hour that {options.zone_name} shows twice {stand} once, taken as the first of the two"
                     for stand in ("stands", "stand"))  # fmt: skip
        notes.append(_counted(at, one, more))
    stamps = kept.stamps.copy()
    stamps[naive] = found.stamps
    return kept._replace(stamps=stamps).take(np.flatnonzero(~np.isin(np.arange(len(stamps)), skipped)))


def _dated(kept: _Kept, rows: Rows, options: FileOptions, notes: list[str]) -> _Kept:
    """Return daily and weekly bars that are stamped at local midnights with their dates."""
    side = rows.stamps.midnights
    if options.zone is not None and not rows.stamps.zoned.any():
        local = rows.stamps.local[rows.stamps.local != BAD]
        side = side_of_midnights(local, (np.sort(local) - to_utc(np.sort(local), options.zone).stamps) // _SECOND)
    side = side or side_by_weekday(kept.stamps)
    if not side:
        return kept
    notes.append(
        f"Its times are midnights {'east' if side > 0 else 'west'} of Greenwich: each bar is taken for its local date "
        "and stamped at midnight UTC."
    )
    return kept._replace(stamps=at_their_dates(kept.stamps, side))


def _once(kept: _Kept, options: FileOptions, problems: Problems, notes: list[str]) -> _Kept:
    """Return each time once; a time that stands twice with other prices is a problem."""
    second = np.flatnonzero(np.diff(kept.stamps) == 0) + 1
    if not len(second):
        return kept
    same = (kept.prices[:, second] == kept.prices[:, second - 1]).all(axis=0)
    zones, night = _in_repeated_hours(kept, second, same, options)
    named = " or ".join(f"timezone={zone!r}" for zone in zones[:3])
    problems.add(
        kept.number[second[night]],
        lambda at: _same_time(kept, int(second[night][at])),
        f"Clocks are put back in that night, so these are two hours of local time: load again with {named}, or write "
        "the zone into each time",
        field="timezone",
    )
    differing, repeating = second[~night & ~same], second[~night & same]
    problems.add(
        kept.number[differing],
        lambda at: f"{_same_time(kept, int(differing[at]))}, with other prices",
        "Keep the row that is right; if the file holds several instruments or lengths of bars, split it",
    )
    if len(repeating):
        at = kept.number[repeating]
        notes.append(_counted(at, "repeats the one before and was left out", "repeat others and were left out"))
    return kept.take(~np.isin(np.arange(len(kept.number)), second))


def _in_repeated_hours(
    kept: _Kept, second: NDArray[np.int64], same: NDArray[np.bool_], options: FileOptions
) -> tuple[list[str], NDArray[np.bool_]]:
    """Return which repeated times are those of a night when clocks are put back, and the zones where they are."""
    nowhere = np.zeros(len(second), dtype=bool)
    if options.zone is not None or kept.zoned[second].any():
        return [], nowhere
    zones, night = zones_repeating(kept.stamps[second])
    if not night.all():
        # Among other repeated rows only those that cannot be repeats; unless such rows are everywhere.
        night &= ~same
        if 2 * night.sum() < (~same).sum():
            return [], nowhere
    return zones, night


def _same_time(kept: _Kept, row: int) -> str:
    return f"the same time as row {kept.number[row - 1]}, {_local(kept.stamps[row])}"


def _check(kept: _Kept, problems: Problems) -> None:
    unsound = np.flatnonzero(find_unsound(kept.prices))
    unsound = unsound[np.argsort(kept.number[unsound])]
    found = [diagnose(kept.prices[:, row]) for row in unsound[:20].tolist()]
    repair = found[0][1] if len({repair for _, repair in found}) == 1 else _OUT_OF_PLACE
    problems.add(
        kept.number[unsound], lambda at: f"({format_stamp(int(kept.stamps[unsound[at]]))}): {found[at][0]}", repair
    )


def _clock_note(rows: Rows, options: FileOptions) -> str:
    if rows.stamps.zoned.all():
        return ""
    if options.zone is not None:
        return f"times without a zone are those of {options.zone_name}, turned into UTC"
    if not (rows.stamps.local[rows.stamps.local != BAD] % DAY_NS).any():
        return ""  # dates alone
    return "times without a zone are taken as UTC" + (
        f", though they may be {rows.clock}; timezone=... turns them into UTC" if rows.clock else ""
    )


def _column_notes(rows: Rows) -> Iterator[str]:
    if rows.unused:
        shown = ", ".join(rows.unused[:8]) + (f" and {len(rows.unused) - 8} more" if len(rows.unused) > 8 else "")
        adjusted = any(plain(name).startswith("adj") for name in rows.unused)
        yield f"Columns not used: {shown}." + (
            " Prices are taken as they stand, not adjusted for dividends." if adjusted else ""
        )


def _counted(rows: NDArray[np.int64], one: str, several: str) -> str:
    first = int(rows.min())
    return f"Row {first} {one}." if len(rows) == 1 else f"{len(rows):,} rows {several} (the first: row {first})."


def _local(stamp: int) -> str:
    return format_stamp(int(stamp)).rstrip("Z").replace("T", " ")
