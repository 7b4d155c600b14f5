"""The MCP deployable: parse, one call into the engine, a view. No trading and no operations logic lives here."""

from __future__ import annotations
