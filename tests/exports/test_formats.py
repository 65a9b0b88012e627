"""File formats: every format and compression reads back what was written, and equal rows give equal files."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_damstra import extras
from airflow_provider_damstra.compression import compressed, decompressed, split_compression_suffix
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports import parquet as parquet_files
from airflow_provider_damstra.exports.formats import require_format, write_rows
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import resource_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

ATTENDEES = RESOURCES["ilt_attendees"]
LINE = b'{"id":1,"userName":"a, b","passed":true,"createdDate":"2026-01-31T09:00:00+08:00","x":[1]}'


def write(
    pages: Iterable[list[bytes]],
    resource: str = "ilt_attendees",
    *,
    file_format: str,
    compression: str | None = None,
    **options: Any,
) -> bytes:
    file = io.BytesIO()
    raw: Any = pages
    facts = write_rows(
        file, RESOURCES[resource], raw, file_format=file_format, compression=compression, **options
    )
    assert facts["bytes"] == len(file.getvalue())
    return file.getvalue()


def table(content: bytes) -> pa.Table:
    return parquet.read_table(io.BytesIO(content))


def test_csv_cells_read_back() -> None:
    header, line = write([[LINE], []], file_format="csv").decode().splitlines()
    assert header.startswith("id,user_id,session_id,")
    assert line == '1,,,,"a, b",,,,,,true,,2026-01-31T01:00:00.000Z,,"{""x"": [1]}"'


def test_parquet_schema_has_types_of_columns() -> None:
    schema = table(write([[LINE]], file_format="parquet")).schema
    types = {field.name: str(field.type) for field in schema}
    assert list(types) == [column.name for column in resource_columns(ATTENDEES)]
    assert (types["id"], types["user_name"], types["passed"]) == ("int64", "string", "bool")
    assert types["created_date"] == "timestamp[ms, tz=UTC]"
    assert [field.name for field in schema if not field.nullable] == ["id"]


def test_parquet_contains_every_value() -> None:
    (row,) = table(write([[LINE]], file_format="parquet")).to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": 1,
        "user_name": "a, b",
        "passed": True,
        "created_date": datetime(2026, 1, 31, 1, tzinfo=UTC),
        "other_members": '{"x": [1]}',
    }


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_parquet_compresses_its_columns(compression: str | None) -> None:
    content = write([[LINE]], file_format="parquet", compression=compression)
    column = parquet.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0)
    assert column.compression == {None: "UNCOMPRESSED", "gzip": "GZIP", "zstd": "ZSTD"}[compression]


def test_parquet_number_column_accepts_integers_and_floats() -> None:
    rows = [b'{"lessonVersionId":1,"duration":90000}', b'{"lessonVersionId":2,"duration":0.5}']
    assert table(write([rows], "lessons", file_format="parquet"))["duration"].to_pylist() == [90000.0, 0.5]


def test_parquet_is_written_in_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "_GROUP_ROWS", 4)
    pages = [[b'{"id":%d}' % (3 * page + row) for row in range(3)] for page in range(5)]
    file = parquet.ParquetFile(io.BytesIO(write(pages, file_format="parquet")))
    groups = [file.metadata.row_group(one).num_rows for one in range(file.num_row_groups)]
    assert groups == [6, 6, 3]
    assert file.read()["id"].to_pylist() == list(range(15))


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_file_without_rows_is_valid(file_format: str) -> None:
    content = write([[]], file_format=file_format)
    if file_format == "parquet":
        assert table(content).num_rows == 0
    assert content.count(b"\n") == (file_format == "csv") or file_format == "parquet"


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_value_of_undocumented_type_names_column(file_format: str) -> None:
    with pytest.raises(DamstraResponseError, match=r"row of ilt_attendees .*\(id: .*JSON lines accept"):
        write([[LINE, b'{"id":"one"}']], file_format=file_format)


AWKWARD = (
    rb'{"id":1,"userName":"Bob\ud83d","createdDate":"0001-01-01T00:00:00.000+0800",'
    rb'"modifiedDate":"9999-12-31T23:59:59.000-0500","odd":"\ude00"}'
)


def test_json_lines_keep_awkward_row_unchanged() -> None:
    assert write([[AWKWARD, LINE]], file_format="jsonl") == AWKWARD + b"\n" + LINE + b"\n"


def test_csv_and_parquet_keep_awkward_row_with_its_page() -> None:
    header, awkward, line = csv.reader(io.StringIO(write([[AWKWARD, LINE]], file_format="csv").decode()))
    cells = dict(zip(header, awkward, strict=True))
    assert (cells["user_name"], cells["created_date"]) == ("Bob\ufffd", "0001-01-01T00:00:00.000Z")
    assert (awkward[0], line[0]) == ("1", "1")
    first, second = table(write([[AWKWARD, LINE]], file_format="parquet")).to_pylist()
    assert (first["user_name"], first["created_date"]) == ("Bob\ufffd", datetime(1, 1, 1, tzinfo=UTC))
    assert second["user_name"] == "a, b"


def test_parquet_rounds_integer_that_float_cannot_hold() -> None:
    rows = [b'{"lessonVersionId":1,"duration":%d}' % (2**53 + 1)]
    assert table(write([rows], "lessons", file_format="parquet"))["duration"].to_pylist() == [2.0**53]


def test_csv_is_safe_for_spreadsheets_on_request() -> None:
    row = b'{"id":1,"userId":-7,"userName":"Bob;=HYPERLINK(1)","firstName":"=cmd()","x":"a;-1"}'
    plain = write([[row]], file_format="csv").decode().splitlines()[1]
    safe = write([[row]], file_format="csv", safe_for_spreadsheets=True).decode("utf-8-sig").splitlines()[1]
    assert ",Bob;=HYPERLINK(1),=cmd()," in plain
    assert safe.startswith("1,-7,")
    assert safe == plain.replace(";=", ";'=").replace(",=", ",'=").replace(";-1", ";'-1")


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_csv_for_spreadsheets_begins_with_one_byte_order_mark(compression: str | None) -> None:
    plain = write([[LINE]] * 2, file_format="csv")
    marked = write([[LINE]] * 2, file_format="csv", compression=compression, safe_for_spreadsheets=True)
    assert decompressed(io.BytesIO(marked), compression).read() == codecs.BOM_UTF8 + plain


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_compressed_files_read_back_and_are_reproducible(file_format: str, compression: str) -> None:
    plain = write([[LINE]] * 3, file_format=file_format)
    packed = write([[LINE]] * 3, file_format=file_format, compression=compression)
    assert packed == write([[LINE]] * 3, file_format=file_format, compression=compression)
    assert decompressed(io.BytesIO(packed), compression).read() == plain
    if compression == "gzip":
        assert gzip.decompress(packed) == plain


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_compressed_files_can_be_concatenated(compression: str | None) -> None:
    file = io.BytesIO()
    for content in (b"one\n", b"two\n"):
        with compressed(file, compression) as packed:
            packed.write(content)
    assert decompressed(io.BytesIO(file.getvalue()), compression).read() == b"one\ntwo\n"


def test_compression_follows_from_suffix() -> None:
    assert split_compression_suffix("ids.CSV.GZ") == ("ids.CSV", "gzip")
    assert split_compression_suffix("ids.jsonl.zst") == ("ids.jsonl", "zstd")
    assert split_compression_suffix("ids.csv") == ("ids.csv", None)


@pytest.mark.parametrize(
    ("file_format", "compression", "command"),
    [
        ("parquet", "zstd", "needs pyarrow, .*: pip install 'airflow-provider-damstra\\[parquet\\]'"),
        ("csv", "zstd", "needs backports.zstd, .*: pip install 'airflow-provider-damstra\\[zstd\\]'"),
    ],
)
def test_missing_extra_is_named_with_command(
    file_format: str, compression: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_format(file_format, compression)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "version_info", (3, 11))
    with pytest.raises(ValueError, match=command):
        require_format(file_format, compression)
    require_format("jsonl", "gzip")


def test_json_line_has_members_of_row() -> None:
    assert [json.loads(line) for line in write([[LINE]], file_format="jsonl").splitlines()] == [
        json.loads(LINE)
    ]
