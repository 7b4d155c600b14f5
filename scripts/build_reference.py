"""Write docs/reference/ from the declarations in the code, or with --check tell whether it is out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from scripts.reference import commands, configuration, errors, indicators, metrics, prometheus, strategy, tools

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "reference"
PAGES: Final = {
    "tools.md": tools.page,
    "strategy.md": strategy.page,
    "indicators.md": indicators.page,
    "metrics.md": metrics.page,
    "errors.md": errors.page,
    "configuration.md": configuration.page,
    "commands.md": commands.page,
    "prometheus.md": prometheus.page,
}


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file name."""
    return {name: "\n".join(page()) + "\n" for name, page in PAGES.items()}


def main() -> int:
    """Write the pages; with --check only compare, and return 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a page is out of date")
    check = parser.parse_args().check
    made = pages()
    stale = [name for name, text in made.items() if not _is_current(FOLDER / name, text)]
    if check:
        print(f"out of date: {', '.join(stale)}" if stale else "docs/reference is up to date")
        return int(bool(stale))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(made[name], encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
