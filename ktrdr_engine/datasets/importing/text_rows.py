"""The rows of a text file: parsed by Arrow in blocks, so that memory holds numbers only, never the text."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ktrdr_engine.bars.parquet_bounds import MOST_ROWS
from ktrdr_engine.bars.series import COLUMNS
from ktrdr_engine.datasets.importing.arrays import as_numpy
from ktrdr_engine.datasets.importing.columns import Columns, check_instruments, find_columns, plain
from ktrdr_engine.datasets.importing.content import Content, opened
from ktrdr_engine.datasets.importing.dialect import Dialect, clock_of, find_dialect, maker_of
from ktrdr_engine.datasets.importing.numerals import NumberColumn, find_marks, settle_mark
from ktrdr_engine.datasets.importing.options import FileOptions
from ktrdr_engine.datasets.importing.rows import Rows
from ktrdr_engine.datasets.importing.stamps import StampColumn
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.errors import DataError

_BLOCK = 16 * 1024 * 1024
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_COMMENTS = ("#", "//")
_NAMED = 20
_MB = 1_000_000
_MOST_MISFITS = 200_000  # each costs some 20 us, and a small packed file can hold billions


def read_text(path: Path, options: FileOptions, heed: Heed) -> Rows:
    """Read a text file.

    Args:
        path: The file; one packed with gzip or zip is unpacked.
        options: What the request says about it.
        heed: Takes how far it is.

    Raises:
        DataError: The file is no table of prices, or leaves open what its cells mean.
        OSError: It cannot be read.
    """
    with opened(path) as content:
        dialect = find_dialect(content.head, path.name, options.columns)
        columns = find_columns(dialect.names, path.name, dialect.sample)
        table = _Table(path.name, content, dialect, columns, options)
        for batch in table.batches(heed):
            table.add(batch)
        heed(f"Finding out how {path.name} writes times and numbers")
        return table.finish()


class _Table:
    """The columns of one file while they are read."""

    def __init__(self, source: str, content: Content, dialect: Dialect, columns: Columns, options: FileOptions) -> None:
        self._source = source
        self._content = content
        self._dialect = dialect
        self._columns = columns
        self._options = options
        self._keys = [f"c{place}" for place in range(len(dialect.names))]
        self._count = 0
        self._misfits: list[tuple[int, str]] = []
        self._misfit_rows = array("q")
        self._comments = array("q")
        self._symbols: set[str] = set()
        self._clock_width = 0
        sample = [row for row in dialect.sample if len(row) == len(dialect.names)]
        if len(columns.stamp) == 2:
            clocks = [row[columns.stamp[1]] for row in sample]
            self._clock_width = 6 if any(len(clock) > 4 for clock in clocks) else 4
        self._stamps = StampColumn(source, [self._stamp_cell(row) for row in sample], options)
        numeric = (*columns.prices, *columns.volume)
        self._marks = find_marks([row[place] for row in sample for place in numeric], options.mark, dialect.separator)
        self._numbers = [NumberColumn(self._marks) for _ in numeric]

    def batches(self, heed: Heed) -> Iterator[pa.RecordBatch]:
        """Yield the cells of the rows that have as many as they should, as text.

        Raises:
            DataError: Too many rows have not, or a line does not end.
        """
        content = self._content
        try:
            for batch in self._parsed():
                if content.size > _BLOCK:
                    heed(f"Reading {self._source}", content.position() // _MB, -(-content.size // _MB), "MB")
                else:
                    heed(f"Reading {self._source}: {self._count:,} rows")
                yield batch
        except pa.ArrowInvalid as error:
            # What `_take_misfit` or Arrow stopped at; an exception of the former would be ignored by the latter.
            if self._passed_over >= _MOST_MISFITS:
                raise DataError(
                    f"{self._source}: {_MOST_MISFITS:,} rows are comments or have too few or too many cells. Give a "
                    "file of bars.",
                    details={"field": "path", "bad_rows": len(self._misfit_rows)},
                ) from None
            if "straddl" not in str(error):
                raise
            raise DataError(
                f"{self._source}: after row {self._count:,} a line is longer than {_BLOCK >> 20} MB, or a quote is "
                "never closed. Correct or remove that line.",
                details={"field": "path", "row": self._count},
            ) from None

    def _parsed(self) -> pyarrow.csv.CSVStreamingReader:
        content = self._content
        content.stream.read(self._dialect.skip)
        used = [self._keys[place] for place in self._columns.read]
        return pyarrow.csv.open_csv(
            content.stream,
            # One thread, because only then does Arrow say the numbers of rows.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=self._keys, block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._dialect.separator, invalid_row_handler=self._take_misfit
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(self._keys, pa.string()), strings_can_be_null=False, include_columns=used
            ),
        )

    @property
    def _passed_over(self) -> int:
        return len(self._misfit_rows) + len(self._comments)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a block of rows."""
        self._count += batch.num_rows
        if self._count > MOST_ROWS:
            raise DataError(f"{self._source}: it has more than {MOST_ROWS:,} rows. Split it by years.")
        columns = self._columns
        self._stamps.add(self._stamp_text(batch))
        for place, numbers in zip((*columns.prices, *columns.volume), self._numbers, strict=True):
            numbers.add(batch.column(self._keys[place]))
        if columns.symbol is not None and len(self._symbols) < 2:
            cells = pc.unique(pc.utf8_trim_whitespace(batch.column(self._keys[columns.symbol]))).to_pylist()
            self._symbols |= {cell for cell in cells if cell}

    def finish(self) -> Rows:
        """Return all rows."""
        check_instruments(self._symbols, self._source)
        if not self._count and not self._misfits:
            raise DataError(f"{self._source}: there are no bars in it. Put at least one row below the header.")
        if not self._count:
            self.add(pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(self._keys), names=self._keys))
        stamps = self._stamps.finish()
        mark = settle_mark(self._numbers, self._marks, self._source)
        numbers = [column.finish(mark) for column in self._numbers]
        maker = maker_of(self._dialect)
        misfit_rows, comments = (np.array(rows, dtype=np.int64) for rows in (self._misfit_rows, self._comments))
        passed_over = np.concatenate((misfit_rows, comments))
        every = np.arange(1, self._count + len(passed_over) + 1, dtype=np.int64)
        return Rows(
            number=np.delete(every, passed_over - 1),
            stamps=stamps,
            prices=tuple(numbers[:4]),
            volumes=tuple(numbers[4:]),
            volume_names=tuple(self._dialect.names[place] for place in self._columns.volume),
            title=self._title(maker, stamps.title, mark),
            clock=clock_of(maker, self._dialect),
            header=self._dialect.names[self._columns.stamp[0]] if self._dialect.has_header else "",
            misfit_rows=misfit_rows,
            misfits=self._misfits,
            width=len(self._keys),
            unused=self._columns.unused,
        )

    def _take_misfit(self, row: Any) -> str:
        text = row.text.strip().strip(self._dialect.separator + " \t")
        if not text or text.startswith(_COMMENTS):
            self._comments.append(row.number)
        else:
            self._misfit_rows.append(row.number)
            if len(self._misfits) < _NAMED:
                self._misfits.append((row.actual_columns, row.text[:80]))
        return "skip" if self._passed_over < _MOST_MISFITS else "error"

    def _stamp_text(self, batch: pa.RecordBatch) -> pa.Array:
        parts = [pc.utf8_trim_whitespace(batch.column(self._keys[place])) for place in self._columns.stamp]
        if len(parts) == 1:
            return parts[0]
        # 93000 is what a spreadsheet leaves of 093000.
        clock = parts[1]
        bare = pc.utf8_is_decimal(clock)
        if as_numpy(bare).any():
            clock = pc.if_else(bare, pc.utf8_lpad(clock, self._clock_width, "0"), clock)
        return pc.utf8_trim_whitespace(pc.binary_join_element_wise(parts[0], clock, " "))

    def _stamp_cell(self, row: tuple[str, ...]) -> str:
        cells = [row[place].strip() for place in self._columns.stamp]
        if len(cells) == 2 and cells[1].isdecimal():
            cells[1] = cells[1].rjust(self._clock_width, "0")
        return " ".join(cells).strip()

    def _title(self, maker: str, dates: str, mark: str) -> str:
        dialect = self._dialect
        written = (dialect.names, dialect.separator, mark, self._content.encoding, dates)
        if written == (COLUMNS, ",", ".", "utf-8", "YYYY-MM-DD"):
            return ""
        parts = [f"separated by {_SEPARATORS[dialect.separator]}"]
        parts += ["decimal commas"] if mark == "," else []
        parts += [f"in {self._content.encoding}"] if self._content.encoding != "utf-8" else []
        parts += [f"times as {dates}"]
        if not dialect.has_header:
            parts.append(f"no header, columns taken as {','.join(plain(name) or '-' for name in dialect.names)}")
        return f"{maker or 'a table'}, {', '.join(parts)}"
