"""Small files of prices in many forms."""

from __future__ import annotations

from pathlib import Path

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.importing.assembly import ImportedBars
from ktrdr_engine.datasets.importing.options import parse_options
from ktrdr_engine.datasets.importing.reading import read_export

HEADER = "timestamp,open,high,low,close,volume\n"
BAR = "1,2,0.5,1.5,10"


def read(
    path: Path, *, format: str | None = None, date_format: str | None = None, timezone: str | None = None
) -> ImportedBars:
    options = parse_options(format, date_format, timezone)
    return read_export(path, "TEST", Timeframe.H1, options, lambda *_: None)


def read_content(
    folder: Path,
    content: str | bytes,
    name: str = "x.csv",
    *,
    format: str | None = None,
    date_format: str | None = None,
    timezone: str | None = None,
) -> ImportedBars:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, format=format, date_format=date_format, timezone=timezone)


def read_stamps(
    folder: Path,
    *stamps: str,
    format: str | None = None,
    date_format: str | None = None,
    timezone: str | None = None,
) -> list[str]:
    """Return the times of bars stamped so, as ktrdr writes them."""
    content = "time;open;high;low;close;volume\n" + "".join(f"{stamp};1;2;0.5;1.5;10\n" for stamp in stamps)
    found = read_content(folder, content, format=format, date_format=date_format, timezone=timezone)
    return stamps_of(found.series)


def stamps_of(series: BarSeries) -> list[str]:
    return [format_stamp(int(stamp)).removesuffix(":00Z") for stamp in series.timestamp]
