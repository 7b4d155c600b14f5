"""The engine that every ktrdr deployable shares: operations on one side, trading on the other."""

from __future__ import annotations

__version__ = "0.1.0"
