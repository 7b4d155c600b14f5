"""Strategies by name: the user's own beside the shipped ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from ktrdr_engine.catalog import Catalog
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.document import MAX_BYTES
from ktrdr_engine.strategy.loader import parse_strategy
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

    def names(self) -> list[str]:
        """Return the file names of all strategies, sorted."""
        return self._catalog.names()

    def load(self, name: str) -> Strategy:
        """Return the strategy in the file called `name`; suffix and a leading `strategies/` may be left out.

        Raises:
            StrategyError: No such file, or it has mistakes; all are listed.
        """
        return read_strategy(self._catalog.find(name))
