"""PostgreSQL's COPY: the fastest way of rows into a table, and the texts that it takes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.schema import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Table

    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource

_CHARACTER_0 = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def copy_lines(connection: Connection, table: Table, lines: Iterable[str]) -> None:
    """Copy lines into a table; the driver is psycopg or psycopg2."""
    quoted = connection.dialect.identifier_preparer.quote
    names = ", ".join(quoted(column.name) for column in table.columns)
    command = f"COPY {quoted(table.name)} ({names}) FROM STDIN"
    text = "".join(lines).encode()
    driver: Any = connection.connection
    with driver.cursor() as cursor:
        if hasattr(cursor, "copy"):
            with cursor.copy(command) as target:
                target.write(text)
        else:
            cursor.copy_expert(command, io.BytesIO(text))


def lines_of(resource: Resource, rows: Rows, numbers: Iterator[int]) -> Iterator[str]:
    """Yield each row's values and its number as COPY takes them.

    U+FFFD stands in for the one character that PostgreSQL's texts cannot hold.

    :raises DamstraResponseError: if a member of a row is of another type than documented.
    """
    for row in map(bytes, rows):
        # JSON can say none of these characters without a backslash.
        has_special = b"\\" in row
        values = values_of(resource, _CHARACTER_0.sub(rb"\1\\ufffd", row) if has_special else row)
        cells = ["\\N" if value is None else str(value) for value in values]
        if has_special:
            cells = [
                cell if value is None else cell.translate(_ESCAPED)
                for cell, value in zip(cells, values, strict=True)
            ]
        yield "\t".join(cells) + f"\t{next(numbers)}\n"
