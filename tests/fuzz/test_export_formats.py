"""Rows of a faulty server through every export format and back: none is lost, doubled or changed."""

from __future__ import annotations

import codecs
import csv
import io
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from sqlalchemy import create_engine, select

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.formats import write_rows
from airflow_provider_damstra.exports.incremental import RowVersionStore
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import format_timestamp, resource_columns, row_values
from airflow_provider_damstra.exports.sql.load import upsert_batches
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from tests.fuzz.settings import fuzz_settings
from tests.fuzz.strategies import to_json, unique_rows

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.exports.schema import Column

    Rows = list[bytes]
    Values = list[tuple[Any, ...]]


ENGINE = create_engine("sqlite://")
TABLES = {name: ResourceTable(RESOURCES[name], name) for name in ("users", "lesson_schedules", "lessons")}


@st.composite
def exports(draw: st.DrawFn) -> tuple[Resource, Rows]:
    """Return a resource and rows of it, as a server sends them."""
    resource = RESOURCES[draw(st.sampled_from(list(TABLES)))]
    rows = draw(unique_rows(resource.model, max_size=3, well_typed=draw(st.booleans())))
    escapes = draw(st.booleans())
    return resource, [to_json(row, escapes=escapes) for row in rows]


@fuzz_settings
@given(exports())
def test_rows_read_back_from_every_format(export: tuple[Resource, Rows]) -> None:
    resource, rows = export
    assert write(resource, rows, file_format="jsonl").split(b"\n") == [*rows, b""]
    check_incremental_export(resource, rows)
    rows = [row for row in rows if is_convertible(resource, row)]
    values = [row_values(resource, row) for row in rows]
    check_csv(resource, rows, values)
    check_csv_for_spreadsheets(resource, rows, values)
    values = [tuple(map(typed_value, resource_columns(resource), row)) for row in values]
    check_parquet(resource, rows, values)
    check_table(resource, rows, values)


def is_convertible(resource: Resource, row: bytes) -> bool:
    """Return whether columns can hold a row; if not, it is rejected with an error of this package."""
    try:
        row_values(resource, row)
    except DamstraResponseError:
        return False
    return True


def write(resource: Resource, rows: Rows, **options: Any) -> bytes:
    file = io.BytesIO()
    pages: Any = [rows[:2], rows[2:]]
    assert write_rows(file, resource, pages, compression=None, **options)["rows"] == len(rows)
    return file.getvalue()


def read_csv(content: bytes, **dialect: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), **dialect))


def csv_cell(value: Any) -> str:
    if isinstance(value, datetime):
        return format_timestamp(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_csv(resource: Resource, rows: Rows, values: Values) -> None:
    _, *lines = read_csv(write(resource, rows, file_format="csv"), strict=True)
    assert lines == [list(map(csv_cell, row)) for row in values]


# A formula, also in its full-width form, after what spreadsheets remove from the start of a cell.
FORMULA = re.compile(r'[\s\x00-\x20"\x7f-\xa0\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]')


def check_csv_for_spreadsheets(resource: Resource, rows: Rows, values: Values) -> None:
    content = write(resource, rows, file_format="csv", safe_for_spreadsheets=True)
    assert content.startswith(codecs.BOM_UTF8)
    content = content.removeprefix(codecs.BOM_UTF8)
    _, *lines = read_csv(content)
    assert [int(line[0]) for line in lines] == [row[0] for row in values]
    texts = [column.type in ("text", "json") for column in resource_columns(resource)]
    cells = [cell for line in lines for cell, is_text in zip(line, texts, strict=True) if is_text]
    for separator in ";\t|":
        cells += [cell for line in content.decode().split("\n") for cell in line.split(separator)[1:]]
    assert [cell for cell in cells if FORMULA.match(cell)] == []


def check_parquet(resource: Resource, rows: Rows, values: Values) -> None:
    table = parquet.read_table(io.BytesIO(write(resource, rows, file_format="parquet")))
    found = [tuple(row.values()) for row in table.to_pylist()]
    assert found == values


def typed_value(column: Column, value: Any) -> Any:
    """Return a value as columns with types hold it: measures are floats, timestamps have milliseconds."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return float(value) if column.type == "number" and value is not None else value


def check_table(resource: Resource, rows: Rows, values: Values) -> None:
    target = TABLES[resource.name]
    # The next connection begins with an empty database.
    ENGINE.dispose()
    target.table.create(ENGINE)
    repeated: Any = [[*rows, *rows[:1]]]
    counts = upsert_batches(ENGINE, target, repeated)
    assert (counts["inserted"], counts["updated"]) == (len(rows), 0)
    with ENGINE.connect() as connection:
        found = {row[0]: tuple(row) for row in connection.execute(select(target.table))}
    assert found == {row[0]: tuple(map(sql_value, row)) for row in values}


def sql_value(value: Any) -> Any:
    """Return a value as SQLite stores it, which has no type for timestamps."""
    return format_timestamp(value) if isinstance(value, datetime) else value


def check_incremental_export(resource: Resource, rows: Any) -> None:
    snapshot = io.BytesIO()
    with RowVersionStore(resource, snapshot=None) as versions:
        assert [row for page in versions.filter_changed([rows, rows[:1]]) for row in page] == rows
        versions.write_snapshot(snapshot)
    snapshot.seek(0)
    with RowVersionStore(resource, snapshot=snapshot) as versions:
        assert list(versions.filter_changed([rows])) == [[]]
        assert versions.write_deleted(io.BytesIO()) == 0
