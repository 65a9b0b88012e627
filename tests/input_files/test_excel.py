"""Excel workbooks: values as a person sees them in the sheet, and errors with its row numbers."""

from __future__ import annotations

import io
from datetime import date, datetime, time
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.styles import PatternFill
from openpyxl.styles.numbers import FORMAT_PERCENTAGE

from airflow_provider_damstra.input_files.table import open_table
from tests.input_files.readers import as_excel, ids_in, replaced, saved, users_in

HEADER = ["employee_number", "first_name", "last_name", "phone_number"]
PHONE = "0412 345 678"
ROW = ["E1", "Ada", "Byron", PHONE]


def rows_in(content: bytes) -> list[tuple[str, Any]]:
    return list(open_table(io.BytesIO(content), name="people.xlsx").rows())


def value_of(cell: Any, *, number_format: str | None = None) -> Any:
    formats = {"A2": number_format} if number_format else {}
    [(location, row)] = rows_in(as_excel([["value"], [cell]], formats=formats))
    assert location == "row 2"
    return row["value"] if isinstance(row, dict) else str(row)


@pytest.mark.parametrize(
    ("cell", "number_format", "value"),
    [
        ("  Zoë ", None, "Zoë"),
        ("0042", None, "0042"),
        (1001, None, "1001"),
        (1001.0, None, "1001"),
        (1e3, None, "1000"),
        (42, "00000", "00042"),
        (42, '"E"0000', "E0042"),
        (42, '"EMP "\\-0', "EMP -42"),
        (-42, "00000", "-42"),
        (42, '0.00 "t"', "42"),
        (42, FORMAT_PERCENTAGE, "42"),
        (0.5, None, 0.5),
        (True, None, True),
        (date(2026, 2, 28), None, date(2026, 2, 28)),
        (datetime(2026, 2, 28, 7, 30), None, datetime(2026, 2, 28, 7, 30)),
        (time(7, 30), None, time(7, 30)),
        (46081, "dd.mm.yyyy", date(2026, 2, 28)),
        (
            10**15,
            None,
            "'value' has a number of more than 15 digits, which Excel has rounded: store it as text",
        ),
        ("#N/A", None, "'value' has an error of Excel instead of a value"),
        ("=1+1", None, "'value' has a formula without its value: save the file with Excel"),
    ],
)
def test_cell_is_read_as_shown(cell: Any, number_format: str | None, value: Any) -> None:
    read = value_of(cell, number_format=number_format)
    assert (read, type(read)) == (value, type(value))


def test_formula_is_read_as_its_stored_value() -> None:
    rows = [["id", "name", "note"], ["=1000+1", '="A"&"da"', '=""']]
    stored = {
        '<c r="A2"><f>1000+1</f><v /></c>': '<c r="A2"><f>1000+1</f><v>1001</v></c>',
        '<c r="B2"><f>"A"&amp;"da"</f><v /></c>': '<c r="B2" t="str"><f>"A"&amp;"da"</f><v>Ada</v></c>',
        '<c r="C2"><f>""</f><v /></c>': '<c r="C2" t="str"><f>""</f><v></v></c>',
    }
    assert rows_in(as_excel(rows, replace=stored)) == [("row 2", {"id": "1001", "name": "Ada"})]


def test_empty_rows_and_columns_around_the_table_are_no_data() -> None:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in ([], [], HEADER, ROW, [], [" "], ["E2", "Bea", "Byron"]):
        sheet.append(row)
    for cell in ("F3", "G5", "D7", "B40"):
        sheet[cell].fill = PatternFill("solid", fgColor="FFFF00")
    users = users_in(saved(workbook), "people.xlsx")
    assert [(user.employee_number, user.phone_number) for user in users] == [("E1", PHONE), ("E2", None)]


@pytest.mark.parametrize("dimension", ["A1", "A1:B2", "A1:XFD1048576"])
def test_wrong_size_of_the_sheet_is_ignored(dimension: str) -> None:
    content = as_excel(
        [HEADER, ROW], replace={'<dimension ref="A1:D2" />': f'<dimension ref="{dimension}" />'}
    )
    assert [user.phone_number for user in users_in(content, "people.xlsx")] == [PHONE]


def test_rows_after_a_gap_have_the_numbers_of_the_sheet() -> None:
    content = as_excel([["id"], ["x"]], replace={'r="2"': 'r="1048576"', 'r="A2"': 'r="A1048576"'})
    with pytest.raises(ValueError, match=r"^ids\.xlsx: no id in row 1048576$"):
        ids_in(content, "ids.xlsx")


def test_first_visible_sheet_is_read() -> None:
    workbook = Workbook()
    workbook.worksheets[0].append(["of a hidden sheet"])
    workbook.worksheets[0].sheet_state = "hidden"
    workbook.create_sheet("People").append(["id"])
    workbook.worksheets[1].append([7.0])
    workbook.create_sheet("Notes").append(["of another sheet"])
    workbook.active = 1
    assert ids_in(saved(workbook), "ids.XLSM") == (7,)


def test_empty_first_sheet_is_reported_with_the_names_of_all() -> None:
    workbook = Workbook()
    workbook.worksheets[0].title = "Cover"
    workbook.create_sheet("People").append(HEADER)
    with pytest.raises(
        ValueError, match="first sheet is empty, and only that is read; its sheets are 'Cover', 'P"
    ):
        users_in(saved(workbook), "people.xlsx")


def test_other_columns_of_a_file_of_ids_may_be_unreadable() -> None:
    assert ids_in(as_excel([["id", "note"], [7, "=1+1"], [8, "#REF!"]]), "ids.xlsx") == (7, 8)


def test_ignored_columns_of_a_file_of_users_may_be_unreadable() -> None:
    content = as_excel([[*HEADER, "cost"], [*ROW, "#N/A"], ["E2", "Bea", "Byron", None, "=1+1"]])
    users = users_in(content, "people.xlsx", ignored_columns=["cost"])
    assert [user.employee_number for user in users] == ["E1", "E2"]


def test_sheet_with_features_that_are_not_read_gives_no_warning() -> None:
    extension = '<extLst><ext uri="{78C0D931-6437-407d-A8EE-F0AAD7539E65}" /></extLst></worksheet>'
    content = replaced(as_excel([["id"], [7]]), {"</worksheet>": extension})
    assert ids_in(content, "ids.xlsx") == (7,)
