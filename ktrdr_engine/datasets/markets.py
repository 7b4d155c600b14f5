"""The market a load is for: as asked, else as stored with the bars there are, else as the source tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr_engine.bars.market import Market, parse_market
from ktrdr_engine.bars.stored_market import write_market
from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.datasets.models import LoadRequest


def known_market(request: LoadRequest, timeframe: Timeframe, bars: BarStore) -> Market | None:
    """Return the market a request asks for, else the one said of the bars that are there; None: neither.

    Raises:
        DataError: There is no market of that name.
        InvalidRequest: Another one was said of the bars that are there, and they are not to be replaced.
    """
    asked = None if request.market is None else parse_market(request.market)
    symbol = bars.name_of(request.symbol, timeframe)
    if (symbol, timeframe) not in bars.datasets():
        return asked
    there = bars.load(symbol, timeframe).market
    if there.inferred:
        return asked
    if asked is not None and asked != there and request.on_conflict == "keep":
        raise InvalidRequest(
            f"market {asked.name!r}: the {symbol} {timeframe} bars there are of {there.name!r}, and bars of two do not "
            f"mix. Leave market out to go on with {there.name!r}; on_conflict='replace' with the whole range, or "
            f"`ktrdr data market {symbol} {timeframe} {asked.name}`, corrects what was said.",
            details={"field": "market", "value": asked.name, "known": [there.name]},
        )
    return asked or there


def say_market(name: str, symbol: str, timeframe: str, bars: BarStore, home: Path) -> None:
    """Store the market of a dataset; its bars stay as they are, and a shipped file is left alone.

    Args:
        name: Of the market.
        symbol: Whose bars.
        timeframe: Which.
        bars: The bars there are.
        home: The user's, where it is stored.

    Raises:
        DataError: There is no such market or dataset, or its file cannot be read.
        DatasetBusy: A load writes the same bars.
        StorageError: There is no room, or no right to write.
    """
    market, length = parse_market(name), parse_timeframe(timeframe)
    path, file = bars.path(symbol, length), DatasetFile(home, bars.name_of(symbol, length), length)
    with file.locked():
        try:
            write_market(path, market, home / "data")
        except OSError as error:
            raise file.unwritable(error) from error
