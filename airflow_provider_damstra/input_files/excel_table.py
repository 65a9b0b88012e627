"""Excel workbooks (``.xlsx``); openpyxl is an extra of this provider."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, time
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.compression import require_size_within_limit
from airflow_provider_damstra.input_files.columns import cells_by_column, column_label, parse_header

if TYPE_CHECKING:
    from airflow_provider_damstra.input_files.table import LocatedRow

_MAX_ROWS = 1_048_576
_EXACT_NUMBERS = 10**15
_NOT_STORED = ValueError("has a formula without its value: save the file with Excel")
_PREFIX_AND_ZEROS = re.compile(r"""((?:"[^"]*"|\\.)*)(0+)""")
"""Number format such as ``"E"0000``, with which Excel shows 42 as ``E0042``."""


class ExcelTable:
    """Rows of the first visible sheet of a workbook, whose first row with a cell is the header.

    Text is trimmed; a row omits its empty cells. Rows without any cell are skipped. Whole numbers are text,
    with leading text and zeros of a number format such as ``00000`` or ``"E"0000``; a date without a time is
    a ``date``. A formula is the value that was stored with it.

    :ivar columns: names of the columns; empty if the workbook has one sheet, which is empty.
    :ivar header_location: the row of the header in the sheet.
    :raises ValueError: if the workbook or the header cannot be read.
    """

    def __init__(self, content: bytes) -> None:
        with _workbook_errors(), zipfile.ZipFile(io.BytesIO(content)) as archive:
            # zipfile reads at most the stated size of a member.
            size = sum(member.file_size for member in archive.infolist())
        require_size_within_limit(size)
        with _workbook_errors():
            sheets = _visible_sheets(content, data_only=True)
        if not sheets:
            raise ValueError("it has no visible sheet")
        self._records = _records(sheets[0], content)
        self.columns: tuple[str, ...] = ()
        self.header_location = "row 1"
        for location, cells in self._records:
            names = ["" if isinstance(cell, ValueError) else str(cell).strip() for cell in cells]
            try:
                self.columns = parse_header(names)
            except ValueError as error:
                raise ValueError(f"{location}: {error}") from None
            self.header_location = location
            break
        if not self.columns and len(sheets) > 1:
            titles = ", ".join(repr(sheet.title) for sheet in sheets)
            raise ValueError(f"its first sheet is empty, and only that is read; its sheets are {titles}")

    def rows(self, only: Collection[str] | None = None) -> Iterator[LocatedRow]:
        """Yield the rows, once."""
        for location, cells in self._records:
            row = cells_by_column(self.columns, cells)
            yield location, row if isinstance(row, ValueError) else _valid_row(row, only, self.columns)


def _valid_row(
    row: dict[str, Any], only: Collection[str] | None, columns: tuple[str, ...]
) -> dict[str, Any] | ValueError:
    """Return a row, or the problems of its cells in the columns that are needed."""
    problems = [
        f"{column_label(name, columns)} {cell}"
        for name, cell in row.items()
        if isinstance(cell, ValueError) and (only is None or name in only)
    ]
    return ValueError("; ".join(problems)) if problems else row


def _visible_sheets(content: bytes, *, data_only: bool) -> list[Any]:
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    for sheet in sheets:
        # The size that a file states may be wrong, and cells outside of it would be missing.
        sheet.reset_dimensions()
    return sheets


def _records(sheet: Any, content: bytes) -> Iterator[tuple[str, list[Any]]]:
    """Yield the cells of each row that has any: ``""`` for an empty one, an error for an unreadable one."""
    rows = sheet.iter_rows(max_row=_MAX_ROWS)
    formulas = _formulas(content)
    next_formulas = 1
    for number in count(1):
        with _workbook_errors():
            row = next(rows, None)
            if row is None:
                return
            cells = [_parse_cell(cell) for cell in row]
            if None in cells:
                # The values of formulas and the formulas themselves can only be read one after the other.
                types = next(islice(formulas, number - next_formulas, None))
                next_formulas = number + 1
                cells = [
                    cell if cell is not None else _NOT_STORED if is_formula else ""
                    for cell, is_formula in zip(cells, types, strict=True)
                ]
        if any(cell != "" for cell in cells):
            yield f"row {number}", cells


def _formulas(content: bytes) -> Iterator[list[bool]]:
    """Yield for each row which cells are formulas."""
    sheet = _visible_sheets(content, data_only=False)[0]
    for row in sheet.iter_rows(max_row=_MAX_ROWS):
        yield [cell.data_type == "f" for cell in row]


def _parse_cell(cell: Any) -> Any:
    """Return the value of a cell, None if it may be a formula without one, or an error."""
    value = cell.value
    if cell.data_type == "e":
        return ValueError("has an error of Excel instead of a value")
    if value is None:
        # A cell that exists may be a formula; Excel stores the type of text with an empty result.
        return None if hasattr(cell, "row") and cell.data_type == "n" else ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    if isinstance(value, int) and not isinstance(value, bool):
        return _integer_text(value, cell.number_format)
    return value


def _integer_text(value: int, number_format: str) -> str | ValueError:
    if abs(value) >= _EXACT_NUMBERS:
        return ValueError("has a number of more than 15 digits, which Excel has rounded: store it as text")
    shown = _PREFIX_AND_ZEROS.fullmatch(number_format)
    if shown is None or value < 0:
        return str(value)
    prefix = re.sub(r'"|\\(.)', r"\1", shown[1])
    return f"{prefix}{value:0{len(shown[2])}}"


@contextmanager
def _workbook_errors() -> Iterator[None]:
    """Turn the exceptions of the libraries into a ``ValueError``, and ignore warnings on unused features."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # openpyxl raises those of zipfile, its XML parser, and KeyError and others
        raise ValueError(
            "it is no readable Excel workbook in the .xlsx format without a password "
            f"({type(error).__name__})"
        ) from None
