"""The fields that requests of several kinds have in common, as annotated types.

They say what a value may look like and what it is for, in the words that every door shows: tools, HTTP, refusals.
Whether a name exists is found later, by who opens it. The engine of operations does not know these (`operations`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Symbol = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Instrument to trade",
        examples=["EURUSD"],
    ),
]
TimeframeName = Annotated[
    str, Field(max_length=8, description="Bar length: 1m 5m 15m 30m 1h 4h 1d 1w", examples=["1h"])
]
StrategyPath = Annotated[
    str,
    Field(min_length=1, max_length=200, description="Strategy file", examples=["strategies/rsi_mean_reversion.yaml"]),
]
ModelPath = Annotated[
    str | None,
    Field(max_length=200, description="Model file; omit for the newest trained for that strategy, and for rules"),
]
FirstDate = Annotated[
    str, Field(max_length=40, description="First day or time, ISO-8601, UTC, inclusive", examples=["2017-01-02"])
]
LastDate = Annotated[
    str,
    Field(max_length=40, description="Last day or time, ISO-8601, UTC; a bare date includes its whole day"),
]
