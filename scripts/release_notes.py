"""Print the notes of one version, as CHANGELOG.md has them; the release workflow publishes what this prints."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

CHANGELOG: Final = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(changelog: str, version: str) -> str | None:
    """Return the text below the heading of `version`, without it; None where there is no such heading."""
    heading = re.search(rf"^## \[{re.escape(version)}\].*$", changelog, re.MULTILINE)
    if heading is None:
        return None
    following = re.search(r"^(## |\[[^\]]+\]: )", changelog[heading.end() :], re.MULTILINE)
    return changelog[heading.end() : heading.end() + following.start() if following else None].strip()


def main() -> int:
    """Print the notes; return 1 when the version has none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 0.1.0, a leading v is dropped; Unreleased works, too")
    version = parser.parse_args().version.removeprefix("v")
    found = notes(CHANGELOG.read_text(encoding="utf-8"), version)
    if not found:
        print(f"CHANGELOG.md says nothing about {version}: add a section '## [{version}]'.", file=sys.stderr)
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
