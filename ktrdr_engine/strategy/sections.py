"""Looking into a strategy as it was read, when nothing about its shape is known yet."""

from __future__ import annotations

from collections.abc import Mapping

Root = Mapping[str, object]


def section(root: object, *keys: str) -> Root:
    """Return the mapping at this path, or an empty one where there is none."""
    for key in keys:
        root = root.get(key) if isinstance(root, Mapping) else None
    return root if isinstance(root, Mapping) else {}


def timeframe_names(root: Root) -> list[str]:
    """Return the timeframes the strategy works on, as written."""
    timeframes = section(root, "training_data", "timeframes")
    listed = timeframes.get("list") if timeframes.get("mode") == "multi_timeframe" else [timeframes.get("timeframe")]
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
