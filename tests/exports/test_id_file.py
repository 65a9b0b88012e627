"""Ids from files of every format, written by exports or by hand."""

from __future__ import annotations

import gzip
import io
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_damstra.exports.id_file import read_ids


def ids(content: bytes, name: str) -> tuple[int, ...]:
    return read_ids(io.BytesIO(content), name=name, columns=("id", "user_id", "userId"))


def as_parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"name,id\nA,7\nB,8\n", "users.csv"),
        ("\ufeffuser_id\r\n7\r\n8\r\n7\r\n".encode(), "USERS.CSV"),
        (b'{"id":7}\n\n{"id":"8"}\n', "users.jsonl"),
        (b'{"userId":7}\n{"userId":8}', "schedules.ndjson"),
        (gzip.compress(b"id\n7\n8\n", mtime=0), "users.csv.gz"),
        (as_parquet(id=[7, 8]), "users.parquet"),
        (b"7\n8\n", "ids.txt"),
        (b"7, 8", "ids"),
    ],
)
def test_ids_are_read_once_each(content: bytes, name: str) -> None:
    assert ids(content, name) == (7, 8)


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"id\n7\nx\n-1\n\n", "a.csv", r"^a\.csv: no id in line 3, line 4$"),
        (
            b"name\nA\n",
            "a.csv",
            "line 1: there is no column id or user_id or userId. The file has 'name'",
        ),
        (b'{"id":true}', "a.jsonl", "no id in line 1"),
        (b'{"id":7}\n[8]', "a.jsonl", "a.jsonl: line 2: is a list, not names and values"),
        (b"id\n", "a.csv", r"a\.csv: it holds no ids"),
        (as_parquet(name=["A"]), "a.parquet", "no column id"),
    ],
)
def test_invalid_file_names_the_problem(content: bytes, name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ids(content, name)


def test_long_list_of_invalid_lines_is_shortened() -> None:
    with pytest.raises(ValueError, match=r"^ids.txt: no id in line 1, .* line 10, and 5 more$"):
        ids(b"x\n" * 15, "ids.txt")
