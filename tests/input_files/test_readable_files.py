"""Files as spreadsheets, databases and pandas write them: every encoding, delimiter and compression."""

from __future__ import annotations

import gzip
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.services.user_import.columns import UserColumns
from airflow_provider_damstra.services.user_import.parsing import parse_row_list, read_rows
from tests.input_files.readers import as_excel, as_parquet, ids_in, pack, users_in

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.user import ImportedUser

CSV = "employee_number,first_name,last_name\nE1,Zoë,Byron\nE2,Ada,Straße\n"
ZOE, ADA = ("E1", "Zoë", "Byron"), ("E2", "Ada", "Straße")


def names(users: list[ImportedUser]) -> list[tuple[str | None, ...]]:
    return [(user.employee_number, user.first_name, user.last_name) for user in users]


@pytest.mark.parametrize(
    ("encoding", "option"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "cp1252"),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_are_read(encoding: str, option: str | None, newline: str) -> None:
    content = CSV.replace("\n", newline).encode(encoding)
    assert names(users_in(content, encoding=option)) == [ZOE, ADA]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_detected_outside_of_quotes(delimiter: str) -> None:
    header = delimiter.join(["employee_number", "first_name", '"last, name; of | a\tuser"'])
    content = f"{header}\nE1{delimiter}Zoë{delimiter}Byron\n".encode()
    columns = {"last, name; of | a\tuser": "last_name"}
    assert names(users_in(content, columns=columns)) == [ZOE]


def test_delimiter_may_be_given() -> None:
    assert names(users_in(CSV.replace(",", "^").encode(), delimiter="^")) == [ZOE, ADA]
    assert ids_in(b"id^a,b\n7^1,2\n", delimiter="^") == (7,)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv.gz", pack(CSV, "gzip")),
        ("people.csv.zst", pack(CSV, "zstd")),
        ("people.tsv", CSV.replace(",", "\t").encode()),
        (
            "people.parquet",
            as_parquet(employeeNumber=["E1", "E2"], firstName=["Zoë", "Ada"], lastName=["Byron", "Straße"]),
        ),
        ("people.xlsx", as_excel([line.split(",") for line in CSV.splitlines()])),
        (
            "people.jsonl.gz",
            gzip.compress(
                b'{"employeeNumber":" E1","firstName":"Zo\\u00eb ","lastName":"Byron"}\n\n'
                b'{"employeeNumber":"E2","firstName":"Ada","lastName":"Stra\\u00dfe","emailAddress":null}'
            ),
        ),
    ],
)
def test_users_are_read_from_every_format(name: str, content: bytes) -> None:
    assert names(users_in(content, name)) == [ZOE, ADA]


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n'])
def test_first_line_for_excel_names_the_delimiter(line: str) -> None:
    content = (line + CSV.replace(",", ";")).encode("utf-8-sig")
    assert names(users_in(content)) == names(users_in(content, delimiter=";")) == [ZOE, ADA]
    assert ids_in(f"{line}id;a,b,c\n7;1\n".encode()) == (7,)


@pytest.mark.parametrize(
    "content",
    [
        "employee_number,first_name,last_name,\nE1,Zoë,Byron,\nE2,Ada,Straße,\n",
        "employee_number,first_name,last_name,\nE1,Zoë,Byron\nE2,Ada,Straße\n",
        f"\n , ,\n{CSV}\n,,\n,,,,\n",
        ",employee_number,first_name,last_name\n,E1,Zoë,Byron\n,E2,Ada,Straße\n",
    ],
    ids=["delimiter ends every line", "delimiter ends the header", "lines without a cell", "empty column"],
)
def test_cells_without_content_are_no_data(content: str) -> None:
    assert names(users_in(content.encode())) == [ZOE, ADA]


WHOLE_NUMBERS = pytest.mark.parametrize("number", [1001.0, Decimal("1001"), Decimal("1001.00")], ids=repr)
"""A whole number of pandas, in a column with empty cells, and of a database."""


@WHOLE_NUMBERS
def test_whole_number_is_an_employee_number_and_an_id(number: float | Decimal) -> None:
    content = as_parquet(employee_number=[number], first_name=["Zoë"], last_name=["Byron"])
    assert names(users_in(content, "people.parquet")) == [("1001", "Zoë", "Byron")]
    assert ids_in(as_parquet(id=[number]), "ids.parquet") == (1001,)


@WHOLE_NUMBERS
def test_whole_number_in_an_extra_column_is_text_without_decimals(number: float | Decimal) -> None:
    content = as_parquet(employee_number=["E1"], first_name=["Zoë"], last_name=["B"], manager=[number])
    columns = UserColumns({}, extra=["manager"])
    [row] = read_rows(io.BytesIO(content), columns, name="people.parquet", match_by="employee_number")
    assert row.extra == {"manager": "1001"}


@pytest.mark.parametrize("column", ["phone_number", "manager"])
def test_nan_of_pandas_is_an_empty_cell(column: str) -> None:
    row = {"employee_number": "E1", "first_name": "Zoë", "last_name": "Byron", column: float("nan")}
    columns = UserColumns({}, extra=["manager"])
    [parsed] = parse_row_list([row], columns, match_by="employee_number", allow_empty=False)
    assert (parsed.user.phone_number, parsed.extra) == (None, {})


def test_index_column_of_pandas_can_be_ignored() -> None:
    content = b",employee_number,first_name,last_name\n0,E1,Zo\xc3\xab,Byron\n"
    assert names(users_in(content, ignored_columns=[""])) == [ZOE]
    assert ids_in(b",id\n0,7\n1,8\n") == (7, 8)


def test_quoted_cell_keeps_line_ends_inside() -> None:
    content = b'employee_number,first_name,last_name\nE1,"Ann\r\nMary","By\rron"\nE2,Ada,B\n'
    assert names(users_in(content)) == [("E1", "Ann\r\nMary", "By\rron"), ("E2", "Ada", "B")]
