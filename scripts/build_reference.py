"""Write docs/reference/ from the declarations in the code, or with --check tell whether it is out of date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from ktrdr_engine.features.registry import INDICATORS, MEMBERSHIPS
from ktrdr_engine.features.specs import IndicatorSpec
from ktrdr_engine.operations.exposition import families
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
_MADE_BY = "<!-- Made by scripts/build_reference.py from the code; edit that instead. -->"


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file name."""
    return {
        "indicators.md": "\n".join(_indicators()) + "\n",
        "configuration.md": "\n".join(_configuration()) + "\n",
        "prometheus.md": "\n".join(_prometheus()) + "\n",
    }


def _indicators() -> Iterator[str]:
    yield "# Indicators and membership functions"
    yield from ("", _MADE_BY, "")
    yield "Bars before the warm-up are NaN. Periods are in bars."
    for spec in INDICATORS.values():
        yield from _indicator(spec)
    yield from ("", "## Membership functions", "")
    yield "| type | parameters | rule | formula |"
    yield "|---|---|---|---|"
    for membership in MEMBERSHIPS.values():
        names = ", ".join(membership.parameters)
        yield f"| `{membership.name}` | {names} | {membership.rule} | {membership.description} |"


def _indicator(spec: IndicatorSpec) -> Iterator[str]:
    yield from ("", f"## {spec.name}", "")
    yield f"{spec.title}. {spec.description}"
    yield from ("", f"Reads {', '.join(spec.inputs)}; gives {', '.join(spec.outputs)}. ")
    yield f"Warm-up with the defaults: {spec.warmup({})} bars. Formula: {spec.formula}."
    if not spec.parameters:
        return
    yield from ("", "| parameter | default | allowed | meaning |", "|---|---|---|---|")
    for parameter in spec.parameters:
        row = (f"`{parameter.name}`", str(parameter.default), parameter.allowed, parameter.description)
        yield f"| {' | '.join(row)} |"
    for rule in spec.orderings:
        yield from ("", f"Rule: {rule.text}.")


def _configuration() -> Iterator[str]:
    yield "# Configuration"
    yield from ("", _MADE_BY, "")
    yield "Environment variables; a `.env` file in the working directory is read too. An empty value is the default."
    yield from ("", "| variable | default | meaning |", "|---|---|---|")
    for name, field in Settings.model_fields.items():
        default = _COMPUTED.get(name) or str(field.default).lower()
        yield f"| `{name.upper()}` | {default} | {field.description} |"


def _prometheus() -> Iterator[str]:
    yield "# Numbers for Prometheus"
    yield from ("", _MADE_BY, "")
    yield "`GET /metrics` on the worker and on the HTTP server shows these and the process's own. Where a token is set,"
    yield "Prometheus needs it, too (`authorization: {credentials: ...}`). Counts begin with the process; what lasts is"
    yield "the history of operations."
    yield from ("", "| name | type | meaning |", "|---|---|---|")
    for family in families(OperationsService(), "ktrdr-worker"):
        suffix = "_total" if family.type == "counter" else ""
        yield f"| `{family.name}{suffix}` | {family.type} | {family.documentation} |"


_COMPUTED = {
    "ktrdr_home": "the platform's user data folder",
    "ktrdr_max_concurrent_operations": "the number of cores",
}


def main() -> int:
    """Write the pages; with --check only compare, and return 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a page is out of date")
    check = parser.parse_args().check
    stale = [name for name, text in pages().items() if not _is_current(FOLDER / name, text)]
    if check:
        print(f"out of date: {', '.join(stale)}" if stale else "docs/reference is up to date")
        return int(bool(stale))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name], encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
