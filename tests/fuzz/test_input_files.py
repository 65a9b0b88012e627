"""Fuzz of all readers of input files: only ``ValueError`` with the file's name, no row lost or read twice."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_damstra.input_files.table import input_file_errors, open_table
from tests.fuzz.settings import fuzz_settings
from tests.input_files.readers import ids_in, users_in

if TYPE_CHECKING:
    from collections.abc import Callable

USER_COLUMNS = ["employee_number", "first_name", "last_name", "email_address", "roles", "id", ""]
FRAGMENTS = [
    *USER_COLUMNS,
    *("employee_number,first_name,last_name\n", "E1,Ada,Byron\n", "id\n", "1011", "a@b.c", "TRAINEE;5"),
    *(",", ";", "\t", "|", '"', '""', "\n", "\r", "\r\n", " ", "\0", "\ufeff", "\x85", "\u2028", "é", "²"),
    *('{"id":', '{"employee_number":"E1",', "}", "[", "]", '"\\ud83d"', "NaN", "1e999", "9" * 5000, "null"),
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"]
NAMES = [f"in{suffix}{packed}" for suffix in (".csv", ".jsonl", ".txt") for packed in ("", ".gz")]

texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=30).map("".join)
contents = st.binary(max_size=200) | st.builds(
    lambda text, encoding: text.encode(encoding, "replace"), texts, st.sampled_from(ENCODINGS)
)
options = st.fixed_dictionaries(
    {},
    optional={"encoding": st.sampled_from(ENCODINGS), "delimiter": st.sampled_from([",", ";", "\t", "^"])},
)
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
rows = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8)


def outcome_of(read: Callable[..., Any], content: bytes, name: str, **arguments: Any) -> Any:
    """Return what a reader returns, or None after its error, which names the file."""
    try:
        return read(content, name, **arguments)
    except ValueError as error:
        caught = error
    assert type(caught) is ValueError
    assert str(caught).startswith(f"{name}: ")
    assert caught.__suppress_context__
    return None


@given(name=st.sampled_from(NAMES), content=contents, arguments=options, is_packed=st.booleans())
@fuzz_settings
def test_readers_raise_only_errors_that_name_the_file(
    name: str, content: bytes, arguments: dict[str, str], is_packed: bool
) -> None:
    packed = gzip.compress(content) if is_packed else content
    users = outcome_of(users_in, packed, name, **arguments)
    assert users is None or len({user.employee_number for user in users}) == len(users) > 0
    ids = outcome_of(ids_in, packed, name, **arguments)
    assert ids is None or len(set(ids)) == len(ids) > 0


def rows_in(content: bytes, name: str, **arguments: Any) -> list[Any]:
    with input_file_errors(name):
        return [row for _, row in open_table(io.BytesIO(content), name=name, **arguments).rows()]


@given(
    rows=rows,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
@fuzz_settings
def test_csv_has_every_row_once(
    rows: list[list[str]], encoding: str, delimiter: str, newline: str, quoting: Any
) -> None:
    # The writers of older Python versions do not quote a cell with a lone line end of the other kind.
    quoting = csv.QUOTE_ALL if any("\r" in cell or "\n" in cell for row in rows for cell in row) else quoting
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(
        [["a", "b", "c"], *rows]
    )
    expected = [
        {name: cell.strip() for name, cell in zip("abc", row, strict=True) if cell.strip()} for row in rows
    ]
    assert rows_in(file.getvalue().encode(encoding), "in.csv") == [row for row in expected if row]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | cells,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(cells, inner, max_size=3),
    max_leaves=5,
)


@given(rows=st.lists(st.dictionaries(cells, values, max_size=4), max_size=8), is_ascii=st.booleans())
@fuzz_settings
def test_json_lines_have_every_row_once(rows: list[dict[str, Any]], is_ascii: bool) -> None:
    content = "\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows)
    assert rows_in(content.encode(), "in.jsonl") == rows


@given(ids=st.lists(st.integers(1, 10**18 - 1), min_size=1, max_size=20), noise=cells)
@fuzz_settings
def test_ids_are_the_same_in_every_format(ids: list[int], noise: str) -> None:
    unique = tuple(dict.fromkeys(ids))
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["noise", "id"], *([noise, one] for one in ids)])
    assert ids_in(file.getvalue().encode(), "in.csv") == unique
    lines = "\n".join(json.dumps({"noise": noise, "id": one}) for one in ids)
    assert ids_in(lines.encode(), "in.jsonl") == unique
    assert ids_in(gzip.compress("\r".join(map(str, ids)).encode()), "in.txt.gz") == unique
