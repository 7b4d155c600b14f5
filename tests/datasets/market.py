"""A market on a loopback port: Binance's spot REST and Yahoo's charts, with faults a test asks for.

It speaks the two formats as the real client libraries read them; its bars follow from their time alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

Fault = Literal["", "429", "500", "cut", "garbage", "shape", "drop", "refused"]
_SECONDS = {"1m": 60, "15m": 900, "1h": 3_600, "1d": 86_400}
_NEW_YORK = ZoneInfo("America/New_York")
Bar = tuple[int, float, float, float, float, float]


def bar_at(second: int) -> Bar:
    """Return the bar that opens then: open, high, low, close, volume follow from the hour."""
    close = 100.0 + second // 3_600 % 50
    return second, close - 0.5, close + 1.0, close - 1.0, close, 10.0 * (1 + second // 3_600 % 7)


class Market:
    """What the server tells, and what it was asked.

    Attributes:
        faults: Met by the next requests for bars, one each; "" is none.
        asked: The queries for bars, in order.
        opened: Bars before this second do not exist; after `ended` neither.
        spoil: Changes a bar before it is told.
        adjustment: Factor of Yahoo's adjusted closes.
        hold_at: The request for bars, counted from 0, that is answered only when `release` is set; `held` says it came.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.asked: list[dict[str, str]] = []
        self.opened = 0
        self.ended = 2**40
        self.spoil: Callable[[Bar], Any] = lambda bar: bar
        self.adjustment = 1.0
        self.hold_at: int | None = None
        self.held = threading.Event()
        self.release = threading.Event()
        self.url = ""

    def bars(self, first: int, last: int, step: int, most: int = 2**40) -> Iterator[Bar]:
        """Yield the bars that open from `first` to `last`."""
        start = max(first, self.opened)
        for second in range(-(-start // step) * step, min(last, self.ended) + 1, step)[:most]:
            yield self.spoil(bar_at(second))

    def candles(self, query: dict[str, str]) -> Any:
        """Return Binance's klines."""
        step = _SECONDS[query["interval"]]
        first, most = int(query["startTime"]) // 1_000, int(query["limit"])
        last = int(query.get("endTime", 10**15)) // 1_000
        return [
            [bar[0] * 1_000, *(None if value is None else str(value) for value in bar[1:]), (bar[0] + step) * 1_000 - 1]
            for bar in self.bars(first, last, step, most)
        ]

    def chart(self, symbol: str, query: dict[str, str]) -> Any:
        """Return Yahoo's chart: New York's days at its opening, or round-the-clock intraday bars."""
        interval = query["interval"]
        first, last = int(query.get("period1", 0)), int(query.get("period2", 0)) - 1
        if symbol != "TEST":
            return {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, delisted"}}}
        if "period1" in query and last < self.opened:
            nothing = f"Data doesn't exist for startDate = {first}, endDate = {last}"
            return {"chart": {"result": None, "error": {"code": "Bad Request", "description": nothing}}}
        bars = list(self._days(first, last) if interval == "1d" else self.bars(first, last, _SECONDS[interval]))
        meta = {
            "currency": "USD",
            "symbol": symbol,
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": "America/New_York",
            "timezone": "EST",
            "gmtoffset": -18_000,
            "priceHint": 2,
            "validRanges": ["1d", "5d", "max"],
            "dataGranularity": interval,
            "tradingPeriods": [[{"timezone": "EST", "start": 0, "end": 2**33, "gmtoffset": -18_000}]],
        }
        return {"chart": {"result": [{"meta": meta, **self._columns(bars)}], "error": None}}

    def _columns(self, bars: list[Bar]) -> dict[str, Any]:
        if not bars:
            return {"indicators": {"quote": [{}]}}
        names = ("open", "high", "low", "close", "volume")
        quote = {name: [bar[1 + i] for bar in bars] for i, name in enumerate(names)}
        adjusted = [None if close is None else close * self.adjustment for close in quote["close"]]
        return {
            "timestamp": [bar[0] for bar in bars],
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": adjusted}]},
        }

    def _days(self, first: int, last: int) -> Iterator[Bar]:
        for second in range(first - first % 86_400, last + 86_400, 86_400):
            day = datetime.fromtimestamp(second, UTC)
            opened = int(datetime(day.year, day.month, day.day, 9, 30, tzinfo=_NEW_YORK).timestamp())
            if day.weekday() < 5 and max(first, self.opened) <= opened <= min(last, self.ended):
                yield self.spoil((opened, *bar_at(second)[1:]))


# Each library reads the half that it knows.
_REFUSAL = {
    "code": -1127,
    "msg": "More than 24 hours between startTime and endTime.",
    "chart": {"result": None, "error": {"code": "Unprocessable Entity", "description": "1m data not available."}},
}
_MARKETS = {
    "timezone": "UTC",
    "serverTime": 0,
    "rateLimits": [],
    "symbols": [
        {
            "symbol": f"{base}USDT",
            "status": "TRADING",
            "baseAsset": base,
            "quoteAsset": "USDT",
            "baseAssetPrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "permissions": ["SPOT"],
            "permissionSets": [["SPOT"]],
            "filters": [],
        }
        for base in ("BTC", "ETH")
    ],
}


class _Handler(BaseHTTPRequestHandler):
    market: Market

    def do_GET(self) -> None:
        """Answer."""
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        if where.path.endswith("/exchangeInfo"):
            self._send(200, json.dumps(_MARKETS))
        elif where.path.endswith("/klines"):
            self._tell(query, lambda: self.market.candles(query))
        elif "/v8/finance/chart/" in where.path:
            symbol = where.path.rsplit("/", 1)[1]
            if "range" in query:  # yfinance's question for the time zone
                self._send(200, json.dumps(self.market.chart(symbol, query)))
            else:
                self._tell(query, lambda: self.market.chart(symbol, query))
        elif where.path.endswith("/getcrumb"):
            self._send(200, "crumb", "text/plain")
        else:
            self._send(200, "<html></html>", "text/html")

    def _tell(self, query: dict[str, str], answer: Callable[[], Any]) -> None:
        self.market.asked.append(query)
        if len(self.market.asked) - 1 == self.market.hold_at:
            self.market.held.set()
            self.market.release.wait()
        fault = self.market.faults.pop(0) if self.market.faults else ""
        if fault == "429":
            self._send(429, "Too Many Requests", "text/plain")
        elif fault == "500":
            self._send(500, '{"code":-1001,"msg":"Internal error"}')
        elif fault == "garbage":
            self._send(200, "<html>maintenance</html>", "text/html")
        elif fault == "shape":
            self._send(200, '{"unexpected": [1, 2]}')
        elif fault == "refused":
            self._send(400, json.dumps(_REFUSAL))
        elif fault == "drop":
            self.close_connection = True
        else:
            body = json.dumps(answer())
            self._send(200, body, kept=len(body) // 2 if fault == "cut" else None)

    def _send(self, status: int, body: str, kind: str = "application/json", *, kept: int | None = None) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        with suppress(BrokenPipeError, ConnectionResetError):
            self.end_headers()
            self.wfile.write(data[:kept])
        self.close_connection = kept is not None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Market]:
    """Serve a market on a free port of this machine."""
    market = Market()
    handler = type("Handler", (_Handler,), {"market": market, "protocol_version": "HTTP/1.1"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    market.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield market
    finally:
        market.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
