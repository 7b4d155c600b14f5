"""From the word in a request to the source it means. The one place that lists them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.exchange import ExchangeSource, MakeExchange, make_exchange
from ktrdr_engine.datasets.sources.imports import file_source
from ktrdr_engine.datasets.sources.resampled import resampled_source
from ktrdr_engine.datasets.sources.source import Source
from ktrdr_engine.datasets.sources.yahoo import YahooSource
from ktrdr_engine.errors import InvalidRequest, SourceNotInstalled
from ktrdr_engine.vocabulary import meant_source, unknown_source

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.bars.timeframe import Timeframe

_WORDS = ("file", "yahoo", "ccxt:<exchange>", "resample", "resample:<timeframe>")


class Sources:
    """The sources a home can load from.

    Args:
        home: Holds `imports/`.
        bars: The prices that are there.
        session: Returns what yfinance talks through; by default its own.
        exchange: Returns ccxt's client of an exchange.
    """

    def __init__(
        self,
        home: Path,
        bars: BarStore,
        *,
        session: Callable[[], object] = lambda: None,
        exchange: MakeExchange = make_exchange,
    ) -> None:
        self._home = home
        self._bars = bars
        self._session = session
        self._exchange = exchange

    def find(self, request: LoadRequest, timeframe: Timeframe) -> Source:
        """Return the source; nothing is asked over the network.

        Raises:
            InvalidRequest: There is no such source, or an argument of files is given to one that is none.
            DataError: It has no such file or timeframe.
            SourceNotInstalled: Its package is missing.
        """
        word, _, detail = request.source.partition(":")
        for field in ("path", "format", "date_format", "timezone"):
            value = getattr(request, field)
            if word != "file" and value:
                raise InvalidRequest(
                    f"{field}={value!r} goes with source='file' only: leave it out, or set source='file'.",
                    details={"field": field, "value": value, "mended": {field: None}},
                )
        if word == "file" and not detail:
            return file_source(request, timeframe, self._home)
        if word == "resample":
            return resampled_source(request, timeframe, detail, self._bars)
        if word == "yahoo" and not detail:
            _require("yfinance", "yahoo")
            return YahooSource(request, timeframe, self._session())
        if word == "ccxt" and detail:
            _require("ccxt", "ccxt")
            return ExchangeSource(request, timeframe, detail, self._exchange)
        repair = unknown_source(request.source, _WORDS)
        raise InvalidRequest(
            f"source={request.source!r} is not known. {repair and f'{repair} '}All: {', '.join(_WORDS)}.",
            details={"field": "source", "value": request.source, "nearest": meant_source(request.source)}
            | {"known": list(_WORDS)},
        )


def _require(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise SourceNotInstalled(
            f"source={extra!r} needs the package {module}, which is not installed: pip install 'ktrdr[{extra}]', "
            "then start ktrdr anew.",
            details={"field": "source", "value": extra, "install": f"ktrdr[{extra}]"},
        )
