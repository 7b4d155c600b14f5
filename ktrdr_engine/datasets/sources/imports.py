"""The source `file`: a CSV or Parquet file that the user put into `imports/` of the home."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ktrdr_engine.bars.files import read_bars
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import Catalog
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.local import LocalSource
from ktrdr_engine.errors import DataError, InvalidRequest

_FOLDER = "imports"


def file_source(request: LoadRequest, timeframe: Timeframe, home: Path) -> LocalSource:
    """Return the source; the file is found now and read when the load runs.

    Raises:
        InvalidRequest: `path` is missing.
        DataError: There is no such file in the folder, or the name leads out of it.
    """
    catalog = Catalog(_FOLDER, (".csv", ".parquet"), (home,), DataError)
    if request.path is None:
        there = ", ".join(catalog.names()) or "nothing yet"
        raise InvalidRequest(
            f"source 'file' needs path: the name of a .csv or .parquet file in KTRDR_HOME/imports. There is {there}.",
            details={"field": "path", "value": None, "known": catalog.names()},
        )
    try:
        found = catalog.find(request.path)
    except DataError as error:
        details = {"field": "path", "value": request.path, **error.details}
        raise DataError(f"{error.message} Files are taken from KTRDR_HOME/imports only.", details=details) from None

    return LocalSource(f"file {found.name}", partial(read_bars, found, request.stored_symbol, timeframe))
