"""ccxt's own client, turned towards this machine; and a process that loads with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.service import DataLoadingService
from ktrdr_engine.datasets.sources.exchange import MakeExchange, make_exchange
from ktrdr_engine.datasets.sources.finding import Sources
from ktrdr_engine.operations.service import OperationsService

SMALL_PAGE = 100
LONG_LOAD = {
    "symbol": "BTC/USDT",
    "timeframe": "1h",
    "source": "ccxt:binance",
    "start_date": "2020-01-01",
    "end_date": "2020-05-25T19:00:00Z",
}
"""3,500 hours: four segments of ten small pages, the last one shorter."""


def exchange_at(url: str, *, page: int = 1_000) -> MakeExchange:
    """Return what makes ccxt's clients of the exchange at `url`, which gives `page` candles at once."""

    def make(name: str) -> Any:
        client = make_exchange(name)
        client.urls["api"] = dict.fromkeys(client.urls["api"], f"{url}/api/v3")
        client.options["fetchMarkets"] = {"types": ["spot"]}
        client.options["fetchCurrencies"] = False
        client.rateLimit = 0.001
        client.features["spot"]["fetchOHLCV"]["limit"] = page
        return client

    return make


async def _load(home: Path, url: str) -> None:
    bars = BarStore((home,))
    async with OperationsService() as operations:
        service = DataLoadingService(
            operations,
            home=home,
            bars=lambda: bars,
            sources=lambda root, store: Sources(root, store, exchange=exchange_at(url, page=SMALL_PAGE)),
        )
        operation_id = await service.load_data(LoadRequest.parse(LONG_LOAD))
        await operations.get_operation(operation_id, wait_seconds=25)


if __name__ == "__main__":
    anyio.run(_load, Path(sys.argv[1]), sys.argv[2])
