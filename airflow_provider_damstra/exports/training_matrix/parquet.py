"""A training matrix as Parquet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from airflow_provider_damstra.exports.training_matrix.table import columns_of, rows_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix


def as_parquet(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return a matrix as Parquet, with the columns of the CSV file, typed: a row for each person.

    :param time_zone: where the days are counted.
    """
    person = (pa.int64(), pa.string(), pa.string(), pa.bool_(), pa.string())
    lesson = (pa.string(), pa.date32(), pa.date32())
    types = (*person, *lesson * len(matrix.lessons))
    schema = pa.schema(list(zip(columns_of(matrix), types, strict=True)))
    rows = list(rows_of(matrix, time_zone=time_zone))
    columns = [pa.array([row[place] for row in rows], type=field.type) for place, field in enumerate(schema)]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
    return file.getvalue()
