"""Named files: the user's own beside the shipped ones.

Strategies, models and price files are all found by a name inside a folder. The user's folder wins over the
shipped one on a clash, and no name can point out of its folder. Nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ktrdr_engine.errors import InputError, did_you_mean

Source = Literal["shipped", "user"]
"""Where a file lies; the user's wins over a shipped one of the same name."""

_PACKAGE = Path(__file__).resolve().parent


def shipped_root() -> Path:
    """Return the folder that holds the shipped `strategies/`, `models/` and `data/`."""
    installed = _PACKAGE / "shipped"
    return installed if installed.is_dir() else _PACKAGE.parent


def source_of(path: Path) -> Source:
    """Return whose file it is."""
    return "shipped" if path.resolve().parent.parent == shipped_root().resolve() else "user"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The files of one kind.

    Args:
        kind: The folder's name: "strategies", "models" or "data".
        suffixes: What a file of the kind may end with, the preferred one first.
        roots: The folders that hold `kind`, the first wins.
        error: Raised for a name that is refused or unknown.
    """

    kind: str
    suffixes: tuple[str, ...]
    roots: tuple[Path, ...]
    error: type[InputError]

    def names(self) -> list[str]:
        """Return the names of all files, suffix included, sorted, each once."""
        return sorted({path.name for path in self._files()})

    def find(self, name: str) -> Path:
        """Return the file called `name`; the suffix and a leading `<kind>/` may be left out or given.

        Raises:
            InputError: As `error`: the name leaves its folder, or no such file exists; names near it are offered.
        """
        wanted = self._inside(name)
        candidates = [wanted, *(wanted + suffix for suffix in self.suffixes)]
        for root in self.roots:
            for candidate in candidates:
                path = root / self.kind / candidate
                if path.suffix in self.suffixes and path.is_file():
                    return self._contained(path, name)
        raise self.error(
            f"No file {name!r} in {self.kind}/.{self._suggestion(wanted)}",
            details={"name": name, "known": self.names()},
        )

    def bare(self, name: str) -> str:
        """Return `name` without a leading `<kind>/` and without suffix.

        Raises:
            InputError: As `error`: the name leaves its folder.
        """
        return self._without_suffix(self._inside(name))

    def _suggestion(self, wanted: str) -> str:
        # Without suffixes, which would make every name look alike.
        return did_you_mean(self._without_suffix(wanted), {self._without_suffix(name) for name in self.names()})

    def _without_suffix(self, name: str) -> str:
        suffix = next((suffix for suffix in self.suffixes if name.endswith(suffix)), "")
        return name.removesuffix(suffix)

    def _files(self) -> Iterator[Path]:
        for root in self.roots:
            folder = root / self.kind
            if folder.is_dir():
                yield from (path for path in folder.iterdir() if path.suffix in self.suffixes and path.is_file())

    def _inside(self, name: str) -> str:
        inner = name.removeprefix(f"{self.kind}/")
        if not inner or "\0" in inner or "/" in inner or "\\" in inner or inner.startswith("."):
            raise self.error(
                f"{name!r} is not a name inside {self.kind}/: give the bare file name, without folders or '..'."
                f"{self._suggestion(Path(inner).name)}",
                details={"name": name},
            )
        return inner

    def _contained(self, path: Path, name: str) -> Path:
        resolved = path.resolve()
        if not resolved.is_relative_to(path.parent.resolve()):
            raise self.error(
                f"{name!r} is a link that leaves {self.kind}/: copy the file into the folder instead.",
                details={"name": name},
            )
        return resolved
