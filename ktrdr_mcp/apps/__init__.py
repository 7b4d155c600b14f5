"""MCP Apps: pages that a host shows inside the chat, each one file without any request to elsewhere."""

from __future__ import annotations
