"""Bars written in any dialect are the same bars."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from tests.datasets.importing.files import read

HOUR = 3_600_000_000_000
DATES = {
    "%Y-%m-%d %H:%M:%S": "", "%Y-%m-%dT%H:%M:%SZ": "", "%Y.%m.%d %H:%M": "", "%d.%m.%Y %H:%M": "",
    "%d/%m/%Y %H:%M": "DD/MM/YYYY", "%m/%d/%Y %I:%M %p": "MM/DD/YYYY", "%Y%m%d %H%M%S": "", "%b %d, %Y %H:%M": "",
    "%d-%b-%y %H:%M": "", "%s": "", "%s000": "",
}  # fmt: skip
NAMES = [
    ("timestamp", "open", "high", "low", "close", "volume"),
    ("Date", "Open", "High", "Low", "Close", "Vol."),
    ("Gmt time", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"),
    ("Datum", "Eröffnung", "Hoch", "Tief", "Schlusskurs", "Stück"),
    ("time", "o", "h", "l", "c", "v"),
    ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>"),
]


@dataclass(frozen=True)
class Writing:
    """How a file is written."""

    separator: str
    mark: str
    thousands: bool
    quoted: bool
    names: tuple[str, ...]
    order: tuple[int, ...]
    dates: str
    encoding: str
    newline: str
    newest_first: bool
    blank_lines: bool
    extra: bool

    def text(self, series: BarSeries) -> str:
        file = io.StringIO()
        writer = csv.writer(
            file,
            delimiter=self.separator,
            lineterminator=self.newline,
            quoting=csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL,
        )
        writer.writerow([self.names[place] for place in self.order] + ["remark"] * self.extra)
        lines = [self.cells(series, row) for row in range(len(series))]
        for line in reversed(lines) if self.newest_first else lines:
            writer.writerow([line[place] for place in self.order] + ["fine"] * self.extra)
            if self.blank_lines:
                file.write(self.newline)
        return file.getvalue()

    def cells(self, series: BarSeries, row: int) -> list[str]:
        second = int(series.timestamp[row]) // 10**9
        moment = datetime.fromtimestamp(second, UTC)
        stamp = moment.strftime(self.dates.replace("%s", str(second)))
        return [stamp, *(self.number(float(value)) for value in series.prices[:, row])]

    def number(self, value: float) -> str:
        text = f"{value:,.4f}" if self.thousands else f"{value:.4f}"
        return text.translate(str.maketrans(",.", ".,")) if self.mark == "," else text


@st.composite
def writings(draw: st.DrawFn) -> Writing:
    names = draw(st.sampled_from(NAMES))
    return Writing(
        separator=draw(st.sampled_from(",;\t|")),
        mark=draw(st.sampled_from(".,")),
        thousands=draw(st.booleans()),
        quoted=draw(st.booleans()),
        names=names,
        order=tuple(draw(st.permutations(range(6)))),
        dates=draw(st.sampled_from(list(DATES))),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        newest_first=draw(st.booleans()),
        blank_lines=draw(st.booleans()),
        extra=draw(st.booleans()),
    )


@st.composite
def some_bars(draw: st.DrawFn) -> BarSeries:
    first = draw(st.integers(200_000, 480_000))  # hours: 1992 to 2024
    hours = draw(st.lists(st.integers(0, 3_000), min_size=1, max_size=30, unique=True).map(sorted))
    prices = [sorted(draw(st.tuples(*[st.integers(1, 99_999_999)] * 4))) for _ in hours]
    low, open_, close, high = (np.array(column) / 10_000 for column in zip(*prices, strict=True))
    volume = np.array(draw(st.lists(st.integers(0, 10**9), min_size=len(hours), max_size=len(hours)))) / 10_000
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    stamps = (first + np.array(hours)) * HOUR
    return BarSeries.from_columns("TEST", Timeframe.H1, {"timestamp": stamps, **columns})


@given(writings(), some_bars())
@settings(max_examples=120, deadline=None)
def test_bars_written_in_any_dialect_are_read_back(writing: Writing, series: BarSeries) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(writing.text(series).encode(writing.encoding))
        found = read(path, date_format=DATES[writing.dates] or None).series
    np.testing.assert_array_equal(found.timestamp, series.timestamp)
    np.testing.assert_array_equal(found.prices, series.prices)
