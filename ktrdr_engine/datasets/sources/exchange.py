"""The source `ccxt:<exchange>`: candles of a crypto exchange through ccxt (the extra `ccxt`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ktrdr_engine.bars.market import CRYPTO
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.asking import NotNow, ask_again
from ktrdr_engine.datasets.sources.candles import CandleFilter
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.datasets.spans import Span, slices
from ktrdr_engine.errors import DataError, InvalidRequest, SourceUnavailable, did_you_mean

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries

_Candle = tuple[int, float, float, float, float, float]
"""Open of the bar in ns, open, high, low, close, volume; NaN where nothing was told."""

MakeExchange = Callable[[str], Any]
"""Returns ccxt's client of an exchange by its name."""

_PAGES_A_SEGMENT = 10
_DEFAULT_PAGE = 500
_MOST_A_PAGE = 1_000
_MILLISECOND = 1_000_000


def make_exchange(name: str) -> Any:
    """Return ccxt's client, which keeps to the exchange's rate limit.

    Raises:
        InvalidRequest: ccxt knows no such exchange.
    """
    import ccxt

    if name not in ccxt.exchanges:
        raise InvalidRequest(
            f"source 'ccxt:{name}': no such exchange.{did_you_mean(name, ccxt.exchanges)}"[:400],
            details={"field": "source", "value": f"ccxt:{name}"},
        )
    return getattr(ccxt, name)({"enableRateLimit": True, "enableLastJsonResponse": True})


class ExchangeSource:
    """One market of one exchange.

    Args:
        request: Names it as ccxt does: BTC/USDT.
        timeframe: One the exchange has.
        name: The exchange.
        make: Returns its client.

    Raises:
        InvalidRequest: There is no such exchange.
        DataError: It has no candles of that length.
    """

    by_time = True
    adjusts = False
    market = CRYPTO

    def __init__(self, request: LoadRequest, timeframe: Timeframe, name: str, make: MakeExchange) -> None:
        self.label = f"ccxt:{name} {request.symbol}"
        self._request = request
        self._market = request.symbol
        self._timeframe = timeframe
        self._name = name
        self._exchange = make(name)
        offered = [length for length in Timeframe if length in (self._exchange.timeframes or {})]
        if timeframe not in offered:
            known = ", ".join(offered) or "none"
            raise DataError(
                f"{name} has no {timeframe} candles. It has {known}; source='resample' makes longer ones of these.",
                details={"field": "timeframe", "value": str(timeframe), "known": offered},
            )
        self._page = _page_of(self._exchange)
        self._filter = CandleFilter()

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was left out."""
        return self._filter.notes

    def plan(self, asked: Span, heed: Heed) -> list[Span]:
        """Return slices of ten pages each, after a look at the markets.

        Raises:
            DataError: The exchange has no such market.
            SourceUnavailable: It does not answer.
        """
        ask_again(self._look, heed, self._name)
        return slices(asked, _PAGES_A_SEGMENT * self._page * self._timeframe.nanoseconds)

    def fetch(self, segment: Span, heed: Heed) -> BarSeries | None:
        """Ask for one page after the other."""
        from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries

        rows: list[_Candle] = []
        since = segment.first
        while since <= segment.last:
            page = ask_again(partial(self._ask, since), heed, self.label)
            inside = [row for row in page if since <= row[0] <= segment.last]
            rows += inside
            # An empty page, or one of earlier candles, is a stretch without trade: the next one may have some.
            step = self._page * self._timeframe.nanoseconds
            since = max(row[0] for row in inside) + self._timeframe.nanoseconds if inside else since + step
        if not rows:
            return None
        stamps, prices = self._filter.sound(
            np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1:] for row in rows]).T
        )
        if not len(stamps):
            return None
        columns = {"timestamp": stamps, **dict(zip(PRICE_COLUMNS, prices, strict=True))}
        return BarSeries.from_columns(self._request.stored_symbol, self._timeframe, columns, source=self.label)

    def close(self) -> None:
        """Let the connections go."""
        self._exchange.session.close()

    def _look(self) -> None:
        self._guarded(self._exchange.load_markets)
        markets = self._exchange.markets or {}
        if self._request.symbol in markets:
            return
        # Asked by the name its bars are kept under: BTC-USDT for BTC/USDT.
        meant = [name for name in markets if name.replace("/", "-") == self._request.stored_symbol]
        if len(meant) != 1:
            raise DataError(
                f"{self._name} has no market {self._request.symbol!r}.{_nearest(self._request.symbol, markets)}",
                details={"field": "symbol", "value": self._request.symbol},
            )
        self._market = meant[0]

    def _ask(self, since: int) -> list[_Candle]:
        page = self._guarded(
            self._exchange.fetch_ohlcv, self._market, str(self._timeframe), since // _MILLISECOND, self._page
        )
        if not isinstance(page, list):
            raise NotNow("a malformed reply")
        candles = [candle for candle in map(_candle, page) if candle is not None]
        if page and not candles:
            raise NotNow("a malformed reply")
        self._filter.count_garbled(len(page) - len(candles))
        return candles

    def _guarded(self, call: Callable[..., Any], *arguments: object) -> Any:
        import ccxt

        try:
            answer = call(*arguments)
        except (ccxt.OperationFailed, ccxt.BadResponse) as error:
            raise NotNow(_one_line(error)) from error
        except ccxt.BaseError as error:
            raise SourceUnavailable(
                f"{self._name} refuses {self._request.symbol} {self._timeframe} ({_one_line(error)}): repair what it "
                "names, or choose another exchange.",
                details={"source": self.label},
            ) from error
        except OSError as error:
            raise NotNow(_one_line(error)) from error
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            # What ccxt raises when a reply is not shaped like the exchange's.
            raise NotNow("a malformed reply") from error
        if self._exchange.last_json_response is None:
            # ccxt takes a web page for a list without candles.
            raise NotNow("a reply that is no JSON")
        return answer


def _page_of(exchange: Any) -> int:
    """Return how many candles the exchange gives at once."""
    spot = (exchange.features or {}).get("spot") or {}
    limit = (spot.get("fetchOHLCV") or {}).get("limit")
    return min(limit, _MOST_A_PAGE) if isinstance(limit, int) and limit > 0 else _DEFAULT_PAGE


def _candle(row: object) -> _Candle | None:
    """Return a row of a page as numbers; None: it is no candle."""
    if not isinstance(row, list | tuple) or len(row) < 6:
        return None
    stamp = _number(row[0])
    if not 0 < stamp < math.inf:
        return None
    open_, high, low, close, volume = map(_number, row[1:6])
    return int(stamp) * _MILLISECOND, open_, high, low, close, volume


def _number(value: object) -> float:
    """Return a value of a candle; NaN: it was not given, infinity: it is no number."""
    if value is None:
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]  # whatever an exchange sends
    except (TypeError, ValueError, OverflowError):
        return math.inf


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]


def _nearest(symbol: str, markets: dict[str, Any]) -> str:
    return did_you_mean(symbol, list(markets)) if len(markets) <= 20 else did_you_mean(symbol, _like(symbol, markets))


def _like(symbol: str, markets: dict[str, Any]) -> list[str]:
    """Return the markets of the same base, so that a refusal does not list thousands."""
    base = symbol.split("/")[0].split("-")[0].upper()
    return [name for name in markets if name.startswith(base)][:20]
