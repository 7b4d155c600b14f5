"""Named files: the user's own beside the shipped ones.

Strategies, models and price files are all found by a name inside a folder. The user's folder wins over the
shipped one on a clash, and no name can point out of its folder. Nothing here opens a file.

Folders of others hold more than was meant to be there: what macOS, editors and version control leave beside a file
begins with a dot and is not seen; a folder, a pipe, a broken link, a name that cannot be typed is listed with its
problem. Nothing of that hides the other files.
"""

from __future__ import annotations

import logging
import stat
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeVar

from ktrdr_engine.errors import InputError, KtrdrError, did_you_mean, nearest

RowT = TypeVar("RowT")
logger = logging.getLogger(__name__)

Source = Literal["shipped", "user"]
"""Where a file lies; the user's wins over a shipped one of the same name."""

_PACKAGE = Path(__file__).resolve().parent
_UNTYPABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, undecodable bytes, separators of lines
_SHOWN: Final = 100  # of a name that there is not
_TURNS: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shipped_root() -> Path:
    """Return the folder that holds the shipped `strategies/`, `models/` and `data/`."""
    installed = _PACKAGE / "shipped"
    return installed if installed.is_dir() else _PACKAGE.parent


def source_of(path: Path) -> Source:
    """Return whose file it is."""
    return "shipped" if path.resolve().parent.parent == shipped_root().resolve() else "user"


class Unusable(NamedTuple):
    """A file that is there under the right suffix and cannot be used, whatever is in it.

    Attributes:
        name: The file's name, with what cannot be typed written out.
        source: Whose it is.
        problem: Why, and what to do.
    """

    name: str
    source: Source
    problem: str


def row_or_problem(read: Callable[[], RowT], unusable: Callable[[str], RowT]) -> RowT:
    """Return the row of a listing that `read` makes of a file, or the one that `unusable` makes of why it cannot.

    A file can fail in ways nobody thought of, or vanish meanwhile: that costs its own row, never the listing.
    """
    try:
        return read()
    except KtrdrError as error:
        return unusable(error.message)
    except OSError as error:
        return unusable(f"It cannot be read ({error.strerror or error}).")
    except Exception as error:
        logger.exception("A file in a listing cannot be read")
        return unusable(f"It cannot be read ({type(error).__name__}); the log has the details.")


class Files(Protocol):
    """Files that are listed by name, and what lies among them and cannot be used."""

    def names(self) -> list[str]:
        """Return the names that can be asked for."""
        ...

    def unusable(self) -> list[Unusable]:
        """Return the others."""
        ...


def page_rows(
    files: Files, read: Callable[[str], RowT], unusable: Callable[[Unusable], RowT], limit: int, offset: int
) -> tuple[tuple[RowT, ...], int]:
    """Return the rows of a listing from `offset` on by name, and how many there are in all.

    Args:
        files: What is listed.
        read: Returns the row of a name.
        unusable: Returns that of a file that cannot be used, or that has gone since the names were read.
        limit: How many rows at most.
        offset: How many to pass over.
    """
    odd = {one.name: one for one in files.unusable()}

    def row(name: str) -> RowT:
        if name in odd:
            return unusable(odd[name])
        return row_or_problem(lambda: read(name), lambda problem: unusable(Unusable(name, "user", problem)))

    names = sorted([*files.names(), *odd])
    return tuple(map(row, names[offset : offset + limit])), len(names)


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
        """Return the names of all files that can be asked for, suffix included, sorted, each once."""
        return sorted({path.name for path, problem in self._files() if problem is None})

    def unusable(self) -> list[Unusable]:
        """Return what lies beside them and cannot be used under any name, sorted; hidden files are not named."""
        usable = set(self.names())
        found = {
            _typable(path.name): Unusable(_typable(path.name), _source_under(path), problem)
            for path, problem in self._files()
            if problem is not None and path.name not in usable
        }
        return [found[name] for name in sorted(found)]

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
                if path.suffix in self.suffixes and _is_file(path):
                    return self._contained(path, name)
        for odd in self.unusable():
            if odd.name in candidates:
                raise self.error(f"{self.kind}/{odd.name}: {odd.problem}", details={"name": name})
        raise self.error(
            f"No file {name[:_SHOWN]!r} in {self.kind}/.{self._suggestion(wanted)}",
            details={"name": name, "known": self.names(), "nearest": self._nearest(name)},
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

    def _nearest(self, name: str) -> str | None:
        """Return the file's name that was probably meant, with a leading `<kind>/` where `name` has one."""
        bare = self._without_suffix(name.removeprefix(f"{self.kind}/"))
        hits = nearest(bare, {self._without_suffix(known) for known in self.names()}, limit=1)
        folder = f"{self.kind}/" if name.startswith(f"{self.kind}/") else ""
        file = next((known for known in self.names() if hits and self._without_suffix(known) == hits[0]), None)
        return f"{folder}{file}" if file else None

    def _without_suffix(self, name: str) -> str:
        suffix = next((suffix for suffix in self.suffixes if name.endswith(suffix)), "")
        return name.removesuffix(suffix)

    def _files(self) -> Iterator[tuple[Path, str | None]]:
        """Yield each file of the kind, and why it cannot be used."""
        for root in self.roots:
            folder = root / self.kind
            try:
                found = list(folder.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                logger.warning("%s cannot be listed: %s", folder, error.strerror)
                continue
            for path in found:
                if path.suffix in self.suffixes and not path.name.startswith("."):
                    yield path, self._problem(path)

    def _problem(self, path: Path) -> str | None:
        if _typable(path.name) != path.name or "\\" in path.name:
            return "Its name holds characters that cannot be typed. Rename the file."
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            return "It is a link to a file that is not there. Remove the link." if path.is_symlink() else "It is gone."
        except OSError as error:
            return f"It cannot be read ({error.strerror}). Make it readable, or remove it."
        if stat.S_ISDIR(mode):
            return "It is a folder, not a file. Rename it."
        if not stat.S_ISREG(mode):
            return "It is not a regular file. Remove it."
        if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
            return f"It is a link that leaves {self.kind}/. Copy the file into the folder instead."
        return None

    def _inside(self, name: str) -> str:
        inner = name.removeprefix(f"{self.kind}/")
        if not inner or "\0" in inner or "/" in inner or "\\" in inner or inner.startswith("."):
            raise self.error(
                f"{name!r} is not a name inside {self.kind}/: give the bare file name, without folders or '..'."
                f"{self._suggestion(Path(inner).name)}",
                details={"name": name, "nearest": self._nearest(Path(inner.replace("\\", "/")).name)},
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


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no permission; a name too long
        return False


def _source_under(path: Path) -> Source:
    return "shipped" if path.parent.parent.resolve() == shipped_root().resolve() else "user"


def _typable(name: str) -> str:
    if name.isprintable():  # none of those below is; asked of every file at every look into a folder
        return name
    return "".join(_written_out(sign) if _is_untypable(sign) else sign for sign in name)


def _is_untypable(sign: str) -> bool:
    return unicodedata.category(sign) in _UNTYPABLE or sign in _TURNS


def _written_out(sign: str) -> str:
    # An undecodable byte of a file name is held as a lone surrogate: shown as that byte.
    code = ord(sign)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
