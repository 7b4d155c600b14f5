"""MkDocs hooks: pages that lie outside docs/ in the repository, so that their links work in both places.

`models/README.md` and `data/README.md` stay beside what they describe; the site shows them as pages of its own, and
links to them are led there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = {
    "models/README.md": "shipped-models.md",
    "data/README.md": "shipped-data.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
}
_LINK: Final = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=led(text, ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    """Lead links to those pages from where they are in the repository to where they are in the site."""
    path = page.file.abs_src_path
    return led(markdown, Path(path)) if path and Path(path).is_relative_to(ROOT / "docs") else markdown


def led(markdown: str, source: Path) -> str:
    """Return the text of `source` with its links to pages rewritten for the site; others stay as they are."""

    def rewrite(link: re.Match[str]) -> str:
        target = (source.parent / link[1]).resolve()
        if not target.is_relative_to(ROOT):
            return link[0]
        name = target.relative_to(ROOT).as_posix()
        if name in PAGES:
            up = "../" * max(0, len(source.relative_to(ROOT).parts) - 2) if source.is_relative_to(ROOT / "docs") else ""
            return f"]({up}{PAGES[name]}{link[2] or ''})"
        if name.startswith("docs/") and not source.is_relative_to(ROOT / "docs"):
            return f"]({name.removeprefix('docs/')}{link[2] or ''})"
        return link[0]

    return _LINK.sub(rewrite, markdown)
