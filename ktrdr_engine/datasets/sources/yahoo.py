"""The source `yahoo`: Yahoo Finance through yfinance (the extra `yahoo`).

Prices are adjusted for splits and, daily ones, for dividends (yfinance's auto_adjust), so Yahoo rewrites old bars after
each. Daily bars are stamped with their date, midnight UTC.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ktrdr_engine.bars.market import CRYPTO, FX, US_EQUITY, Market, parse_market
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.asking import NotNow, ask_again
from ktrdr_engine.datasets.sources.candles import CandleFilter, Candles
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.datasets.spans import Span, slices
from ktrdr_engine.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from ktrdr_engine.bars.series import BarSeries

_DAY = 86_400 * 1_000_000_000
_DAYS_AT_ONCE = {
    Timeframe.M1: 7,
    Timeframe.M5: 30,
    Timeframe.M15: 30,
    Timeframe.M30: 30,
    Timeframe.H1: 365,
    Timeframe.D1: 3_650,
}
"""Timeframes Yahoo has, and the days asked for in one request; it gives 1m bars for 8 days at most."""
_COLUMNS = ("Open", "High", "Low", "Close", "Volume")
_ADJUSTED = "Yahoo's prices are adjusted for splits and dividends (auto_adjust): a later one changes older bars."
_MARKETS = {"CURRENCY": FX, "CRYPTOCURRENCY": CRYPTO}
_LISTED = ("EQUITY", "ETF", "INDEX")
"""What is traded in the sessions of an exchange, in Yahoo's words."""
_SECONDS = 30
_NOTHING_THERE = "Data doesn't exist for startDate"
"""How Yahoo begins to say that the symbol is known but had no trade in the range."""


class YahooSource:
    """One instrument at Yahoo.

    Args:
        request: Names it as Yahoo does.
        timeframe: 1m 5m 15m 30m 1h or 1d.
        session: What yfinance talks through; None: its own.

    Raises:
        DataError: Yahoo has no bars of that length.
    """

    by_time = True
    adjusts = True

    def __init__(self, request: LoadRequest, timeframe: Timeframe, session: object = None) -> None:
        if timeframe not in _DAYS_AT_ONCE:
            shorter = Timeframe.H1 if timeframe is Timeframe.H4 else Timeframe.D1
            raise DataError(
                f"Yahoo has no {timeframe} bars that can be trusted: load {shorter} bars, then call again with "
                "source='resample'.",
                details={"field": "timeframe", "value": str(timeframe), "known": [*_DAYS_AT_ONCE]},
            )
        self.label = f"yahoo {request.stored_symbol}"
        self._request = request
        self._timeframe = timeframe
        self._session = session
        self._filter = CandleFilter()
        self.market: Market | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Say how prices are adjusted, and what was left out."""
        return (_ADJUSTED, *self._filter.notes)

    def plan(self, asked: Span, heed: Heed) -> list[Span]:
        """Return slices of a request each."""
        return slices(asked, _DAYS_AT_ONCE[self._timeframe] * _DAY)

    def fetch(self, segment: Span, heed: Heed) -> BarSeries | None:
        """Ask Yahoo for one slice."""
        from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries

        told = ask_again(partial(self._ask, segment), heed, self.label)
        if told is None:
            return None
        stamps, prices = self._filter.sound(*told)
        if not len(stamps):
            return None
        columns = {"timestamp": stamps, **dict(zip(PRICE_COLUMNS, prices, strict=True))}
        return BarSeries.from_columns(self._request.stored_symbol, self._timeframe, columns, source=self.label)

    def close(self) -> None:
        """Do nothing: yfinance keeps one connection for the process."""

    def _ask(self, segment: Span) -> Candles | None:
        import yfinance
        from yfinance.exceptions import YFException, YFPricesMissingError, YFTzMissingError

        yfinance.config.debug.hide_exceptions = False
        # It warns of what it then goes on without; what matters comes back as an exception.
        logging.getLogger("yfinance").setLevel(logging.ERROR)
        # yfinance would answer a second attempt from its memory of the first, failures included.
        yfinance.data.YfData.cache_get.cache_clear()
        ticker = yfinance.Ticker(self._request.stored_symbol, session=self._session)
        try:
            candles = self._candles(self._history(ticker, segment), segment)
            self.market = _market_of(ticker.get_history_metadata())
            return candles
        except YFTzMissingError:
            raise self._refused("unknown symbol") from None
        except YFPricesMissingError as error:
            if error.yahoo_reason and not error.yahoo_reason.startswith(_NOTHING_THERE):
                raise self._refused(error.yahoo_reason) from None
            if not error.yahoo_reason and "currency" not in ticker.get_history_metadata():
                raise NotNow("a malformed reply") from error
            return None
        except (YFException, OSError) as error:
            raise NotNow(_one_line(error)) from error
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            # What yfinance raises when a reply is not shaped like prices.
            raise NotNow("a malformed reply") from error

    def _history(self, ticker: Any, segment: Span) -> pd.DataFrame:
        first, last = (datetime.fromtimestamp(ns / 1e9, UTC) for ns in segment)
        if self._timeframe is Timeframe.D1:
            start: object = first.date()
            end: object = last.date() + timedelta(days=1)
        else:
            start, end = first, last + timedelta(seconds=1)
        frame: pd.DataFrame = ticker.history(
            start=start,
            end=end,
            interval=str(self._timeframe),
            auto_adjust=True,
            actions=False,
            timeout=_SECONDS,
        )
        return frame

    def _candles(self, frame: pd.DataFrame, segment: Span) -> Candles | None:
        index: Any = frame.index
        daily = self._timeframe is Timeframe.D1
        index = index.tz_localize(None) if daily else index.tz_convert("UTC").tz_localize(None)
        stamps = index.to_numpy(dtype="datetime64[ns]").astype("int64")
        inside = (stamps >= segment.first) & (stamps <= segment.last)
        if not inside.any():
            return None
        prices = frame[list(_COLUMNS)].to_numpy(dtype="float64")
        return Candles(stamps[inside], prices[inside].T)

    def _refused(self, reason: str) -> DataError:
        return DataError(
            f"Yahoo gives no {self._timeframe} bars of {self._request.symbol!r}: {reason}. Check symbol, timeframe and "
            "dates; Yahoo keeps 1m bars for 30 days, 5m to 30m for 60 days, 1h for 730 days.",
            details={"field": "symbol", "value": self._request.symbol},
        )


def _market_of(metadata: Mapping[str, Any]) -> Market | None:
    """Return the market Yahoo's words about an instrument mean; None for futures, funds and what else it may have."""
    kind, zone = metadata.get("instrumentType"), metadata.get("exchangeTimezoneName")
    if kind in _MARKETS:
        return _MARKETS[kind]
    if kind not in _LISTED or zone is None:
        return None
    with contextlib.suppress(DataError):  # a zone that this computer does not know
        return US_EQUITY if zone == US_EQUITY.zone else parse_market(f"equity:{zone}")
    return None


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]
