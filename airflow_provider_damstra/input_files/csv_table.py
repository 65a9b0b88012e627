"""CSV: strict quoting, a header line, and a delimiter that is detected in it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from airflow_provider_damstra.input_files.columns import DELIMITERS, column_label
from airflow_provider_damstra.input_files.text import open_text

if TYPE_CHECKING:
    from airflow_provider_damstra.input_files.table import LocatedRow

_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class CsvTable:
    """Rows of a CSV file, whose first line with a cell is the header.

    Cells are trimmed; a row omits its empty cells. Lines without any cell are skipped. The name of a column
    may be empty.

    :param delimiter: separator of cells; by default the one of comma, semicolon, tab and ``|`` that is the
        most frequent in the header.
    :ivar columns: names of the columns; empty if the file is.
    :ivar header_location: the line of the header.
    :raises ValueError: if the text or the header cannot be read.
    """

    def __init__(self, content: bytes, *, encoding: str | None, delimiter: str | None) -> None:
        chosen = delimiter or _detect_delimiter(content, encoding)
        self._reader = csv.reader(open_text(content, encoding=encoding), delimiter=chosen, strict=True)
        self.columns: tuple[str, ...] = ()
        for location, cells in self._records():
            if isinstance(cells, ValueError):
                raise ValueError(f"{location}: {cells}")
            self.columns = _without_last_empty(cells)
            break
        self.header_location = f"line {self._reader.line_num}"
        counts = Counter(name for name in self.columns if name)
        duplicates = [column_label(name, self.columns) for name, count in counts.items() if count > 1]
        if duplicates:
            raise ValueError(f"{self.header_location}: has more than one column {', '.join(duplicates)}")

    def rows(self, only: Collection[str] | None = None) -> Iterator[LocatedRow]:
        """Yield the rows, once."""
        for location, cells in self._records():
            yield location, cells if isinstance(cells, ValueError) else self._named(cells)

    def _named(self, cells: list[str]) -> dict[str, str] | ValueError:
        """Return the cells that are not empty, by column."""
        width = len(self.columns)
        if any(cells[width:]):
            return ValueError(f"has {len(cells) - width} more cells than the header")
        if len(cells) < width:
            return ValueError("has fewer cells than the header")
        return {name: cell for name, cell in zip(self.columns, cells, strict=False) if cell}

    def _records(self) -> Iterator[tuple[str, list[str] | ValueError]]:
        """Yield the trimmed cells of each record that has any, or at last why the rest cannot be read."""
        while True:
            first_line = self._reader.line_num + 1
            try:
                cells = [cell.strip() for cell in next(self._reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield f"line {first_line}", ValueError(_describe(error))
                return
            if any(cells):
                yield f"line {self._reader.line_num}", cells


def _without_last_empty(cells: list[str]) -> tuple[str, ...]:
    """Return the names in a header; a delimiter at its end makes no column."""
    width = max(number for number, cell in enumerate(cells, start=1) if cell)
    return tuple(cells[:width])


def _describe(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "has a quote that is not closed"
    return f"is not valid CSV ({error})"


def _detect_delimiter(content: bytes, encoding: str | None) -> str:
    """Return the most frequent delimiter outside of quotes in the header."""
    lines = open_text(content, encoding=encoding)
    header = next((line for line in lines if line.strip()), "")
    counts = Counter(character for character in _QUOTED.sub("", header) if character in DELIMITERS)
    first, second = [*counts.most_common(2), (",", 0), ("", 0)][:2]
    if first[1] == second[1] > 0:
        raise ValueError(
            f"line 1: the delimiter may be {first[0]!r} or {second[0]!r}: name it with delimiter"
        )
    return first[0]
