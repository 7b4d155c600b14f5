"""The addresses of the resources; a name in braces is to be filled in."""

from __future__ import annotations

from typing import Final

OPERATION: Final = "ktrdr://operations/{operation_id}"
RESULTS: Final = f"{OPERATION}/results"
TRADES: Final = f"{OPERATION}/trades{{?offset,limit}}"
EQUITY: Final = f"{OPERATION}/equity{{?offset,limit}}"
REPORT: Final = f"{OPERATION}/report.html"
STRATEGY: Final = "ktrdr://strategies/{name}"
MODEL: Final = "ktrdr://models/{name}"
