"""The market of a price file, as somebody has said it: inside a Parquet file, beside a CSV file.

A Parquet file carries it in its metadata. A CSV file has no room for it: a file beside it does (`MYFX_1h.market`), that
goes to the trash and comes back with the prices. A shipped file is never written to: `markets.json` in its folder names
markets by file stem (`{"EURUSD_1h": "fx"}`), and that in the user's folder speaks for shipped files alone, and wins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet

from ktrdr_engine.bars.files import MARKET_NOTE, read_notes, replace_parquet
from ktrdr_engine.bars.market import Market, parse_market
from ktrdr_engine.durable_files import replacing
from ktrdr_engine.errors import DataError

FILE_NAME: Final = "markets.json"


def read_market(path: Path, folders: tuple[Path, ...]) -> Market | None:
    """Return the market that was said of a price file; None: nobody has.

    Args:
        path: The price file.
        folders: Those that hold prices, the user's first.

    Raises:
        DataError: What was said is no market, or `markets.json` cannot be read.
    """
    if path.suffix == ".parquet":
        return _parsed(read_notes(path).get(MARKET_NOTE), path.name)
    beside = side_file(path)
    try:
        return _parsed(beside.read_text(encoding="utf-8").strip(), f"{beside.parent.name}/{beside.name}")
    except FileNotFoundError:
        pass
    except (OSError, UnicodeError) as error:
        raise DataError(f"{beside.parent.name}/{beside.name} cannot be read ({error}). Correct or remove it.") from None
    for folder in folders:
        is_own = folder.resolve() == path.parent.resolve()
        # Else what was said of a shipped file would be taken for said of a user's of the same name.
        if (not is_own or folder == folders[-1]) and (said := _said_in(folder).get(path.stem)):
            return _parsed(said, f"{folder.name}/{FILE_NAME}, {path.stem}")
        if is_own:
            break
    return None


def side_file(path: Path) -> Path:
    """Return the file that says the market of a CSV file."""
    return path.with_suffix(".market")


def write_market(path: Path, market: Market, folder: Path) -> None:
    """Store the market of a price file; its bars, columns and other notes stay as they are.

    Args:
        path: The price file.
        market: Which.
        folder: The user's folder of prices, where it is said of shipped files.

    Raises:
        DataError: The file, or `markets.json`, cannot be read.
        OSError: There is no room, or no right to write.
    """
    if path.suffix == ".parquet":
        try:
            table = pyarrow.parquet.read_table(path)
        except pa.ArrowException as error:
            raise DataError(f"{path.name}: cannot be read ({error}). Check or replace the file.") from None
        replace_parquet(
            table.replace_schema_metadata({**(table.schema.metadata or {}), MARKET_NOTE: market.name}), path
        )
        return
    if path.parent.resolve() == folder.resolve():
        _replace(side_file(path), market.name)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        said = {**_said_in(folder), path.stem: market.name}
        _replace(folder / FILE_NAME, json.dumps(said, indent=1, sort_keys=True))


def _replace(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(f"{text}\n".encode())


def _parsed(name: str | None, where: str) -> Market | None:
    if name is None:
        return None
    try:
        return parse_market(name)
    except DataError as error:
        raise DataError(
            f"{where}: {error.message} Say the right one: ktrdr data market SYMBOL TIMEFRAME NAME.",
            details=error.details,
        ) from None


def _said_in(folder: Path) -> dict[str, str]:
    path = folder / FILE_NAME
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{folder.name}/{FILE_NAME} cannot be read ({error}). Correct or remove it.") from None
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said.values()):
        raise DataError(f'{folder.name}/{FILE_NAME}: expected file stems and markets, such as {{"EURUSD_1h": "fx"}}.')
    return said
