"""Open an input file as a table: the format follows from its name, and every error names the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, BinaryIO, Protocol

from airflow_provider_damstra.compression import (
    read_decompressed,
    require_compression,
    split_compression_suffix,
)
from airflow_provider_damstra.extras import require_extra
from airflow_provider_damstra.input_files.csv_table import CsvTable
from airflow_provider_damstra.input_files.excel_table import ExcelTable
from airflow_provider_damstra.input_files.json_lines_table import JsonLinesTable
from airflow_provider_damstra.input_files.parquet_table import ParquetTable

LocatedRow = tuple[str, dict[str, Any] | ValueError]
"""A row with its location in the file, such as ``line 3``; a ``ValueError`` if it cannot be read."""

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}


class Table(Protocol):
    """Rows of an input file."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Return the names of all columns; None in JSON lines, whose rows have their own."""

    @property
    def header_location(self) -> str:
        """Return where the names of the columns are, such as ``line 1``."""

    def rows(self, only: Collection[str] | None = None) -> Iterator[LocatedRow]:
        """Yield the rows, once.

        :param only: columns that are needed; others may be missing in the rows.
        :raises ValueError: if the rest of the file cannot be read.
        """


def table_format(name: str) -> str | None:
    """Return the format that a file's name shows: ``csv``, ``jsonl``, ``parquet``, ``excel`` or None."""
    plain, _ = split_compression_suffix(name)
    return _FORMATS.get(PurePath(plain.lower()).suffix)


def open_table(
    file: BinaryIO, *, name: str, encoding: str | None = None, delimiter: str | None = None
) -> Table:
    """Read a file into memory and return its rows.

    Read the rows within ``input_file_errors``, too.

    :param file: an open binary file.
    :param name: its name: ``.csv``, ``.tsv``, ``.jsonl`` (``.ndjson``, ``.json``), ``.parquet`` or ``.xlsx``
        (``.xlsm``), and CSV for any other, followed by ``.gz`` or ``.zst`` if it is compressed.
    :param encoding: encoding of text; by default UTF-8, or the one of a byte order mark.
    :param delimiter: separator of CSV cells; by default detected in the header.
    :raises ValueError: if it cannot be read.
    """
    content = read_content(file, name=name)
    match table_format(name):
        case "parquet":
            require_extra("parquet", "pyarrow", needed_for="reading a Parquet file")
            return ParquetTable(content)
        case "excel":
            require_extra("excel", "openpyxl", needed_for="reading an Excel workbook")
            return ExcelTable(content)
        case "jsonl":
            return JsonLinesTable(content, encoding=encoding)
        case _:
            return CsvTable(content, encoding=encoding, delimiter=delimiter)


def read_content(file: BinaryIO, *, name: str) -> bytes:
    """Return the content of a file, decompressed as its name requires.

    :raises ValueError: if it is not a complete compressed file, or this worker lacks what reading it needs.
    """
    require_compression(split_compression_suffix(name)[1])
    return read_decompressed(file, split_compression_suffix(name)[1])


@contextmanager
def input_file_errors(name: str) -> Iterator[None]:
    """Add the file's name to a ``ValueError``, which fails a task at once: a retry reads the same content."""
    try:
        yield
    except ValueError as error:
        # Without the cause, which may contain the content.
        raise ValueError(f"{name}: {error}") from None
