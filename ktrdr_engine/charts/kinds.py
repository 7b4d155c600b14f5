"""The names of the charts there are. Light to import: what draws them is in `drawing`."""

from __future__ import annotations

from typing import Literal

ChartKind = Literal["overview", "monthly", "trades", "training"]
