"""Strategies by name: the user's own beside the shipped ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from ktrdr_engine.catalog import Catalog, Source, Unusable, source_of
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.document import MAX_BYTES
from ktrdr_engine.strategy.loader import parse_strategy
from ktrdr_engine.strategy.saving import Saved, StrategyFolder
from ktrdr_engine.strategy.schema import StrategyConfig


class Strategy(NamedTuple):
    """A checked strategy and the file it came from.

    Attributes:
        text: The file's text.
        sha256: Of the file's bytes.
        source: The file's name.
    """

    config: StrategyConfig
    text: str
    sha256: str
    source: str

    @property
    def name(self) -> str:
        """Return the name the strategy gives itself."""
        return self.config.name


def read_strategy(path: Path) -> Strategy:
    """Read and check one file.

    Raises:
        StrategyError: It cannot be read, or it has mistakes; all are listed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StrategyError(f"{path.name}: cannot be read ({error.strerror}).") from error
    config = parse_strategy(content, path.name)
    return Strategy(config, content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest(), path.name)


class StrategyLibrary:
    """The `.yaml` files in the `strategies/` folders under `roots`, the first root winning a clash of names."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._catalog = Catalog("strategies", (".yaml", ".yml"), roots, StrategyError)
        self._own = StrategyFolder(roots[0])

    def names(self) -> list[str]:
        """Return the file names of all strategies, sorted."""
        return self._catalog.names()

    def unusable(self) -> list[Unusable]:
        """Return what lies among the strategies and cannot be used, whatever is in it."""
        return self._catalog.unusable()

    def load(self, name: str) -> Strategy:
        """Return the strategy in the file called `name`; suffix and a leading `strategies/` may be left out.

        Raises:
            StrategyError: No such file, or it has mistakes; all are listed.
        """
        return read_strategy(self._catalog.find(name))

    def source(self, name: str) -> Source:
        """Return whose file `name` is.

        Raises:
            StrategyError: No such file.
        """
        return source_of(self._catalog.find(name))

    def versions(self, name: str) -> list[str]:
        """Return the sha256 of every earlier text of the user's own file `name`, the latest replaced first.

        Raises:
            StrategyError: The name leaves its folder.
        """
        return self._own.versions(self._catalog.bare(name))

    def load_version(self, name: str, sha256: str) -> Strategy:
        """Return the text of `name` whose sha256 begins so: the present one, or one that was replaced.

        Raises:
            StrategyError: There is no such version, or more than one.
        """
        present = self._catalog.find(name)
        strategy = read_strategy(present)
        if strategy.sha256.startswith(sha256):
            return strategy
        return read_strategy(self._own.version(self._catalog.bare(name), sha256))

    def save(self, name: str, text: str, *, expected_sha256: str | None = None) -> Saved:
        """Check `text` and write it as the user's own `<name>.yaml`: whole, durably, or not at all.

        Raises:
            StrategyError: The text has mistakes, all listed; or the name is not fit, or not the one in the text.
            StrategyConflict: The user has a file of that name, and `expected_sha256` is not its hash.
            StorageError: The folder cannot be written.
        """
        bare = self._catalog.bare(name)
        shipped = f"{bare}.yaml" in self.names() and self.source(bare) == "shipped"
        hidden = self._catalog.find(bare) if shipped else None
        saved = self._own.save(bare, text, expected_sha256=expected_sha256, hidden=hidden)
        return saved._replace(shadows_shipped=shipped)
