"""An exported file as bars: the way into this package."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.importing.assembly import ImportedBars, assemble
from ktrdr_engine.datasets.importing.options import FileOptions
from ktrdr_engine.datasets.importing.parquet_rows import read_parquet
from ktrdr_engine.datasets.importing.text_rows import read_text
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.errors import DataError

_LOWER = (".csv", ".parquet", ".txt", ".tsv", ".gz", ".zip")
_UNREADABLE = (
    pa.ArrowException, OSError, EOFError, UnicodeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
SUFFIXES = (*_LOWER, *(suffix.upper() for suffix in _LOWER))


def read_export(path: Path, symbol: str, timeframe: Timeframe, options: FileOptions, heed: Heed) -> ImportedBars:
    """Read a file as sources export them.

    Args:
        path: Its suffix is one of `SUFFIXES`.
        symbol: The instrument.
        timeframe: The length of its bars.
        options: What the request says about the file.
        heed: Takes how far it is.

    Raises:
        DataError: The file cannot be read, leaves open what it means, or breaks rules of bars.
    """
    read = read_parquet if path.suffix.lower() == ".parquet" else read_text
    try:
        rows = read(path, options, heed)
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{path.name}: it cannot be read ({reason}). Check or replace the file.",
            details={"field": "path", "value": path.name},
        ) from None
    heed(f"Checking the bars of {path.name}")
    return assemble(rows, symbol, timeframe, options, path.name)
