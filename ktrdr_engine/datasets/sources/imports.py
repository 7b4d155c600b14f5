"""The source `file`: a file of prices that the user put into `imports/` of the home."""

from __future__ import annotations

from pathlib import Path

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import Catalog
from ktrdr_engine.datasets.importing.options import parse_options
from ktrdr_engine.datasets.importing.reading import SUFFIXES, read_export
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.local import LocalBars, LocalSource
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.errors import DataError, InvalidRequest

_FOLDER = "imports"


def file_source(request: LoadRequest, timeframe: Timeframe, home: Path) -> LocalSource:
    """Return the source; the file is found now and read when the load runs.

    Raises:
        InvalidRequest: `path` is missing, or `format`, `date_format` or `timezone` makes no sense.
        DataError: There is no such file in the folder, or the name leads out of it.
    """
    catalog = Catalog(_FOLDER, SUFFIXES, (home,), DataError)
    if request.path is None:
        there = ", ".join(catalog.names()) or "nothing yet"
        raise InvalidRequest(
            f"source 'file' needs path: the name of a file of prices in KTRDR_HOME/imports. There is {there}.",
            details={"field": "path", "value": None, "known": catalog.names()},
        )
    try:
        found = catalog.find(request.path)
    except DataError as error:
        details = {"field": "path", "value": request.path, **error.details}
        spreadsheet = request.path.lower().endswith((".xlsx", ".xls", ".ods"))
        repair = (
            "A spreadsheet is not read: save it as CSV."
            if spreadsheet
            else "Files are taken from KTRDR_HOME/imports only."
        )
        raise DataError(f"{error.message} {repair}", details=details) from None
    options = parse_options(request.format, request.date_format, request.timezone)

    def read(heed: Heed) -> LocalBars:
        return LocalBars(*read_export(found, request.stored_symbol, timeframe, options, heed))

    return LocalSource(f"file {found.name}", read)
