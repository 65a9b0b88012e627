"""Both readers of input files, with the arguments that a task without options gives them; files to read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from openpyxl import Workbook
from pyarrow import parquet

from airflow_provider_damstra.compression import compressed
from airflow_provider_damstra.exports.id_file import read_ids
from airflow_provider_damstra.services.user_import.columns import UserColumns
from airflow_provider_damstra.services.user_import.parsing import read_rows

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.user import ImportedUser


def users_in(content: bytes, name: str = "people.csv", **options: Any) -> list[ImportedUser]:
    """Return the users in a file."""
    columns = UserColumns(options.pop("columns", {}), options.pop("ignored_columns", None))
    rows = read_rows(io.BytesIO(content), columns, name=name, match_by="employee_number", **options)
    return [row.user for row in rows]


def ids_in(content: bytes, name: str = "ids.csv", **options: Any) -> tuple[int, ...]:
    """Return the ids in a file."""
    return read_ids(io.BytesIO(content), name=name, columns=("id", "user_id", "userId"), **options)


def pack(content: str, compression: str) -> bytes:
    """Return a text, compressed with ``gzip`` or ``zstd``."""
    file = io.BytesIO()
    with compressed(file, compression) as target:
        target.write(content.encode())
    return file.getvalue()


def as_parquet(**columns: Any) -> bytes:
    """Return a Parquet file."""
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def as_excel(
    rows: Sequence[list[Any]],
    *,
    formats: Mapping[str, str] | None = None,
    replace: Mapping[str, str] | None = None,
) -> bytes:
    """Return a workbook with one sheet.

    :param formats: number formats of cells.
    :param replace: texts in the sheet's XML and what replaces them.
    """
    workbook = Workbook()
    for row in rows:
        workbook.worksheets[0].append(row)
    for cell, number_format in (formats or {}).items():
        workbook.worksheets[0][cell].number_format = number_format
    content = saved(workbook)
    return replaced(content, replace) if replace else content


def saved(workbook: Workbook) -> bytes:
    """Return a workbook as a file."""
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def replaced(workbook: bytes, texts: Mapping[str, str]) -> bytes:
    """Return a workbook with other texts in the XML of its first sheet."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            text = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                for old, new in texts.items():
                    assert old.encode() in text, text
                    text = text.replace(old.encode(), new.encode())
            target.writestr(name, text)
    return file.getvalue()
