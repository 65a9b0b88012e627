"""Parquet; pyarrow is an extra of this provider."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.input_files.table import LocatedRow


class ParquetTable:
    """Rows of a Parquet file."""

    header_location = "the schema"

    def __init__(self, content: bytes) -> None:
        from pyarrow import parquet

        with _parquet_errors():
            self._file = parquet.ParquetFile(io.BytesIO(content))
        self.columns: tuple[str, ...] | None = tuple(self._file.schema_arrow.names)
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("it has several columns of one name")

    def rows(self, only: Collection[str] | None = None) -> Iterator[LocatedRow]:
        """Yield the rows, once."""
        number = 0
        with _parquet_errors():
            for batch in self._file.iter_batches(columns=None if only is None else list(only)):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row


@contextmanager
def _parquet_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # pyarrow raises OSError, TypeError and its own
        raise ValueError(f"it is no readable Parquet file ({type(error).__name__})") from None
