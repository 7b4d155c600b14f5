"""Environment variables, from the settings class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ktrdr_engine.settings import Settings
from scripts.reference.words import heading

_COMPUTED: Final = {
    "ktrdr_home": "the platform's user data folder",
    "ktrdr_max_concurrent_operations": "the number of cores",
}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Configuration")
    yield "Environment variables; a `.env` file in the working directory is read too. An empty value is the default."
    yield from ("", "| variable | default | meaning |", "|---|---|---|")
    for name, field in Settings.model_fields.items():
        default = _COMPUTED.get(name) or str(field.default).lower()
        yield f"| `{name.upper()}` | {default} | {field.description} |"
