"""The source `ccxt:<exchange>`: candles of a crypto exchange through ccxt (the extra `ccxt`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.asking import NotNow, ask_again
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.datasets.spans import Span, slices
from ktrdr_engine.errors import DataError, InvalidRequest, SourceUnavailable, did_you_mean

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries

MakeExchange = Callable[[str], Any]
"""Returns ccxt's client of an exchange by its name."""

_PAGES_A_SEGMENT = 10
_DEFAULT_PAGE = 500
_MOST_A_PAGE = 1_000
_MILLISECOND = 1_000_000
_COLUMNS = ("open", "high", "low", "close", "volume")


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
    notes: tuple[str, ...] = ()

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
        from ktrdr_engine.bars.series import BarSeries

        rows: list[list[float]] = []
        since = segment.first
        while since <= segment.last:
            page = ask_again(partial(self._ask, since), heed, self.label)
            newest = int(page[-1][0]) * _MILLISECOND if page else 0
            rows += [row for row in page if since <= int(row[0]) * _MILLISECOND <= segment.last]
            # An empty page, or one of earlier candles, is a stretch without trade: the next one may have some.
            step = self._page * self._timeframe.nanoseconds
            since = newest + self._timeframe.nanoseconds if newest >= since else since + step
        if not rows:
            return None
        table = np.array(rows, dtype=np.float64)
        columns = dict(zip(_COLUMNS, table[:, 1:6].T, strict=True))
        stamps = table[:, 0].astype(np.int64) * _MILLISECOND
        return BarSeries.from_columns(
            self._request.stored_symbol, self._timeframe, {"timestamp": stamps, **columns}, source=self.label
        )

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

    def _ask(self, since: int) -> list[list[float]]:
        page = self._guarded(
            self._exchange.fetch_ohlcv, self._market, str(self._timeframe), since // _MILLISECOND, self._page
        )
        if not all(isinstance(row, list) and len(row) >= 6 and isinstance(row[0], int) for row in page):
            raise NotNow("a malformed reply")
        return sorted(page)

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
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            # What ccxt raises when a reply is not shaped like the exchange's.
            raise NotNow("a malformed reply") from error
        if self._exchange.last_json_response is None:
            # ccxt takes a web page for a list without candles.
            raise NotNow("a reply that is no JSON")
        return answer


def _page_of(exchange: Any) -> int:
    """Return how many candles the exchange gives at once."""
    spot = (exchange.features or {}).get("spot") or {}
    limit = (spot.get("fetchOHLCV") or {}).get("limit") or _DEFAULT_PAGE
    return min(int(limit), _MOST_A_PAGE)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]


def _nearest(symbol: str, markets: dict[str, Any]) -> str:
    return did_you_mean(symbol, list(markets)) if len(markets) <= 20 else did_you_mean(symbol, _like(symbol, markets))


def _like(symbol: str, markets: dict[str, Any]) -> list[str]:
    """Return the markets of the same base, so that a refusal does not list thousands."""
    base = symbol.split("/")[0].split("-")[0].upper()
    return [name for name in markets if name.startswith(base)][:20]
