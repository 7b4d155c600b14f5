from __future__ import annotations

from tests.cli.conftest import Run


def test_listings_are_there_as_json(ktrdr: Run) -> None:
    rows = ktrdr("data", "--json").json
    (euro,) = [row for row in rows if row["symbol"] == "EURUSD"]
    assert euro == {
        "symbol": "EURUSD",
        "timeframe": "1h",
        "bars": 6225,
        "first": "2017-01-01T22:00:00Z",
        "last": "2017-12-29T21:00:00Z",
        "gaps": 0,
        "longest_gap": None,
        "source": "shipped",
        "loaded_from": "",
        "market": "fx",
        "market_inferred": False,
        "problem": None,
    }
