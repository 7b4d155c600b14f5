"""The bytes of a file as UTF-8 text: packed files opened, encodings found out."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from ktrdr_engine.datasets.importing.columns import plain, role_of
from ktrdr_engine.errors import DataError

_HEAD = 256 * 1024
_MOST_BYTES = 8 * 1024**3
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_OTHERS = ("cp1251", "cp1250", "cp1254", "gb18030", "big5", "shift_jis", "cp949")
"""Encodings of names of columns that are known."""


class Content(NamedTuple):
    """A file's text.

    Attributes:
        head: The first lines, whole ones unless there is just one.
        encoding: Of the file.
        stream: UTF-8 bytes; stands at the beginning, byte-order mark left out.
        size: Of the text in the file's own encoding, in bytes; 0: unknown.
        position: Returns how many of these bytes have been read.
    """

    head: str
    encoding: str
    stream: IO[bytes]
    size: int
    position: Callable[[], int]


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Open a text file, or the one packed in a `.gz` or `.zip`.

    Raises:
        DataError: It is empty, no text, or a `.zip` of several files.
        OSError: It cannot be read.
    """
    with _unpacked(path) as (raw, size):
        start = raw.read(_HEAD)
        if not start.strip(b"\0\r\n\t ") or start in [mark for mark, _ in _BOMS]:
            raise DataError(f"{path.name}: the file is empty. It needs a header and rows.")
        encoding, mark = _encoding(start, path.name)
        joined = _Joined(start[mark:], raw)
        whole = len(start) < _HEAD
        # A character cut at the end of the head is no error.
        text = codecs.getincrementaldecoder(encoding)("replace").decode(start[mark:], final=whole)
        stream: IO[bytes] = io.BufferedReader(joined, 1 << 20)
        if encoding != "utf-8":
            stream = io.BufferedReader(_Recoded(io.TextIOWrapper(stream, encoding, "replace", newline="")), 1 << 20)
        cut = len(text) if whole else max(text.rfind("\n"), text.rfind("\r")) + 1 or len(text)
        yield Content(text[:cut], encoding, stream, size, joined.position)


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            inside = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX")]
            # HistData packs a report beside its table.
            tables = [one for one in inside if one.filename.lower().endswith(".csv")]
            inside = tables if len(tables) == 1 else inside
            if len(inside) != 1:
                names = ", ".join(one.filename for one in inside[:5])
                raise DataError(
                    f"{path.name} holds {len(inside)} files ({names}): unpack the one wanted.",
                    details={"field": "path", "value": path.name},
                )
            try:
                file = archive.open(inside[0])
            except (RuntimeError, NotImplementedError):  # zipfile's words for a password and a foreign method
                raise DataError(
                    f"{path.name}: it is packed with a password, or in a way that is not known. Unpack it first.",
                    details={"field": "path", "value": path.name},
                ) from None
            with file:
                yield file, inside[0].file_size
    elif path.suffix.lower() == ".gz":
        with gzip.open(path) as packed:
            yield cast(IO[bytes], packed), 0
    else:
        with path.open("rb") as plain:
            yield plain, path.stat().st_size


def _encoding(start: bytes, name: str) -> tuple[str, int]:
    """Return the encoding, and how many bytes its mark takes."""
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding, len(mark)
    # Prices are mostly ASCII: every other byte of UTF-16 is zero.
    pairs = start[: len(start) // 2 * 2]
    for encoding, zeros in (("utf-16-le", pairs[1::2]), ("utf-16-be", pairs[0::2])):
        if len(zeros) and zeros.count(0) > 0.7 * len(zeros) and pairs.count(0) < 0.6 * len(pairs):
            return encoding, 0
    if b"\0" in start:
        raise _no_text(start, name)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return _single_bytes(start), 0
    return "utf-8", 0


def _no_text(start: bytes, name: str) -> DataError:
    if start.startswith((b"PK\3\4", b"\xd0\xcf\x11\xe0")):
        return DataError(f"{name}: this is a spreadsheet or an archive, no text file. Save the table as CSV.")
    line = start[: start.index(0)].count(b"\n") + 1
    return DataError(
        f"{name}: this is no text file: a zero byte stands in line {line}. If it is a damaged table, export it anew or "
        "remove what is behind its last whole line; else give a CSV or Parquet file.",
        details={"field": "path", "value": name, "line": line},
    )


def _single_bytes(start: bytes) -> str:
    """Return the encoding in which most columns have names that are known; a header is too short to tell it else."""
    import charset_normalizer

    found = charset_normalizer.from_bytes(start[:65_536]).best()
    likely = [found.encoding] if found is not None and found.encoding not in ("utf_8", "ascii") else []

    def known(encoding: str) -> int:
        cells = re.split(r'[,;\t|"\r\n]+', start[:4096].decode(encoding, "replace"))
        return sum(bool(plain(cell)) and role_of(cell) is not None for cell in cells)

    return max(("cp1252", *likely, *_OTHERS), key=known)


class _Joined(io.RawIOBase):
    """What was read already, and then the rest; never more than a bound, since packed files can blow up."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest
        self._left = _MOST_BYTES

    def position(self) -> int:
        return _MOST_BYTES - self._left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer is a memoryview here
        if self._start:
            chunk, self._start = self._start[: len(buffer)], self._start[len(buffer) :]
        else:
            chunk = self._rest.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise DataError("The file is larger than 8 GB. Split it by years.")
        buffer[: len(chunk)] = chunk
        return len(chunk)


class _Recoded(io.RawIOBase):
    """Text as UTF-8 bytes."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as above
        if not self._left:
            self._left = self._text.read(1 << 18).encode()
        chunk, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)
