"""The worker deployable: runs operations for servers elsewhere, over HTTP, always in its own process."""

from __future__ import annotations
