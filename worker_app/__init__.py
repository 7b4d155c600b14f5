"""The worker deployable. It does not exist yet: `main` says so and leaves."""

from __future__ import annotations
