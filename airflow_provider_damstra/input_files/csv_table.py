"""CSV: strict quoting, a header line, and a delimiter that is detected in it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from airflow_provider_damstra.input_files.columns import DELIMITERS, cells_by_column, parse_header
from airflow_provider_damstra.input_files.text import open_text

if TYPE_CHECKING:
    from airflow_provider_damstra.input_files.table import LocatedRow

_DELIMITER_LINE = re.compile(r'"?sep=([^\w"\r\n])"?[\r\n]*')
"""First line of files for Excel, which names the delimiter."""

_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class CsvTable:
    """Rows of a CSV file, whose first line with a cell is the header.

    Cells are trimmed; a row omits its empty cells. Lines without any cell are skipped. The name of a column
    may be empty.

    :param delimiter: separator of cells; by default that of a first line such as ``sep=;``, or else the one
        of comma, semicolon, tab and ``|`` that is the most frequent in the header.
    :ivar columns: names of the columns; empty if the file is.
    :ivar header_location: the line of the header.
    :raises ValueError: if the text or the header cannot be read.
    """

    def __init__(self, content: bytes, *, encoding: str | None, delimiter: str | None) -> None:
        named = _DELIMITER_LINE.fullmatch(open_text(content, encoding=encoding).readline())
        chosen = delimiter or (named[1] if named else _detect_delimiter(content, encoding))
        self._reader = csv.reader(open_text(content, encoding=encoding), delimiter=chosen, strict=True)
        self.columns: tuple[str, ...] = ()
        for location, cells in self._records():
            if named and self._reader.line_num == 1:
                continue
            try:
                if isinstance(cells, ValueError):
                    raise cells
                self.columns = parse_header(cells)
            except ValueError as error:
                raise ValueError(f"{location}: {error}") from None
            break
        self.header_location = f"line {self._reader.line_num}"

    def rows(self, only: Collection[str] | None = None) -> Iterator[LocatedRow]:
        """Yield the rows, once."""
        for location, cells in self._records():
            yield location, cells if isinstance(cells, ValueError) else self._named(cells)

    def _named(self, cells: list[str]) -> dict[str, str] | ValueError:
        """Return the cells that are not empty, by column."""
        if len(cells) < len(self.columns):
            return ValueError("has fewer cells than the header")
        return cells_by_column(self.columns, cells)

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
