"""Parquet files with typed columns, written in row groups of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from airflow_provider_damstra.exports.schema import ColumnType, resource_columns, row_values

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.dataset import Dataset
    from airflow_provider_damstra.exports.reader import Rows

_GROUP_ROWS = 100_000
_GROUP_BYTES = 32 << 20

_TYPES: dict[ColumnType, Any] = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.TEXT: pa.string(),
    ColumnType.TIMESTAMP: pa.timestamp("ms", tz="UTC"),
    # Text: not every reader supports Arrow's JSON type.
    ColumnType.JSON: pa.string(),
}


class ParquetWriter(AbstractContextManager["ParquetWriter"]):
    """Write rows into a Parquet file; only columns outside of the primary key are nullable.

    :param file: an open binary file; it need not support seeking.
    :param compression: codec of the columns: ``gzip``, ``zstd`` or None.
    """

    def __init__(self, file: Any, resource: Dataset, *, compression: str | None) -> None:
        self._resource = resource
        self._schema = pa.schema(
            [
                pa.field(column.name, _TYPES[column.type], nullable=not column.is_key)
                for column in resource_columns(resource)
            ]
        )
        codec: Any = compression or "none"
        self._writer = parquet.ParquetWriter(file, self._schema, compression=codec)
        self._batches: list[pa.RecordBatch] = []

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._write_group()
        self._writer.close()

    def write(self, rows: Rows) -> None:
        """Buffer rows, and write a row group once there are enough.

        :raises DamstraResponseError: if a member is of another type than documented.
        """
        if not rows:
            return
        columns = zip(*(row_values(self._resource, row) for row in rows), strict=True)
        arrays = [_to_array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        row_count = sum(batch.num_rows for batch in self._batches)
        if row_count >= _GROUP_ROWS or sum(batch.nbytes for batch in self._batches) >= _GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if self._batches:
            table = pa.Table.from_batches(self._batches, schema=self._schema)
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._batches = []


def _to_array(values: Sequence[Any], data_type: pa.DataType) -> pa.Array[Any]:
    if data_type == pa.float64():
        # pyarrow rejects integers that a float rounds.
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, type=data_type)
