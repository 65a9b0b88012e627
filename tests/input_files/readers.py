"""Both readers of input files, with the arguments that a task without options gives them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
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
