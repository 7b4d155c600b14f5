"""The fenced blocks of a page, and the commands in its console blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.mcp.wire import ROOT

_BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    language: str
    text: str


def pages() -> list[str]:
    """Every page a person wrote; the generated ones come from code that has tests of its own."""
    written = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    written += sorted((ROOT / "docs").glob("*.md"))
    return [path.relative_to(ROOT).as_posix() for path in written]


def text_of(page: str) -> str:
    return Path(ROOT, page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return [block.text for block in every_block(page) if block.language == language]


def every_block(page: str) -> Iterator[Block]:
    yield from (Block(*found) for found in _BLOCK.findall(text_of(page)))


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command after a `$`, over as many lines as it takes; what it prints is passed over."""
    for block in blocks(page, "console"):
        for written in re.findall(r"^\$ ((?:.*\\\n)*.*(?:\n {4}.*)*)", block, re.MULTILINE):
            yield shlex.split(written.replace("\\\n", " "), comments=True)
