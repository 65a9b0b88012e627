"""Upsert of users from a file: CSV of spreadsheets, JSON lines, and reports of bad rows."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.operators.user import DamstraUpsertUsersOperator
from tests.input_files.readers import as_excel
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import fail_fast_message, run
from tests.operators.user_group_cases import NEW_USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

    Step = Callable[..., DamstraUpsertUsersOperator]

HEADER = "employeeNumber,firstName,lastName,emailAddress,phoneNumber,roles\n"
LIAM = {"employeeNumber": "E1011", "firstName": "Liam", "lastName": "Murphy"}


@pytest.fixture
def step(tmp_path: Path) -> Step:
    """Return what makes the operator for a file with some content."""

    def step(
        content: str | bytes, *, name: str = "people.csv", **arguments: Any
    ) -> DamstraUpsertUsersOperator:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return DamstraUpsertUsersOperator(task_id="step", users_path=f"file://{path}", **arguments)

    return step


def sent(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    return [user for entry in emulator.journal(path="/bulkUserImport") for user in entry["body"]["users"]]


def test_csv_file_is_imported(step: Step, damstra_emulator: DamstraEmulator) -> None:
    content = f"{HEADER}E9001,Ada,Byron,ada@example.com,,\nE1011,Liam,Murphy,,,TRAINEE\n"
    outcome = run(step(content))
    assert (outcome.value, outcome.xcoms["unchanged"]) == ([NEW_USER, 1011], [1011])


@pytest.mark.parametrize("name", ["people.csv", "people.txt", "PEOPLE.CSV"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_file_of_a_spreadsheet_is_imported(
    name: str, newline: str, step: Step, damstra_emulator: DamstraEmulator
) -> None:
    rows = ["employee_number , first_name,last_name", '"E9001",  Zoë ,"Byron, Countess"', ""]
    run(step(newline.join(rows).encode("utf-8-sig"), name=name))
    assert sent(damstra_emulator) == [
        {"employeeNumber": "E9001", "firstName": "Zoë", "lastName": "Byron, Countess"}
    ]


GERMAN = [["Personalnummer", "Vorname", "Nachname", "Aktiv"], ["00042", "Jörg", "Groß; Klein", "ja"]]


@pytest.mark.parametrize(
    ("delimiter", "encoding", "arguments"),
    [
        (",", "utf-8", {}),
        (";", "utf-8-sig", {}),
        (";", "cp1252", {"encoding": "cp1252"}),
        ("\t", "utf-16", {}),
        (";", "utf-16-le", {"encoding": "utf-16-le"}),
        (None, None, {}),
    ],
)
def test_extract_of_hr_system_is_imported(
    delimiter: str | None,
    encoding: str | None,
    arguments: dict[str, Any],
    step: Step,
    damstra_emulator: DamstraEmulator,
) -> None:
    if delimiter and encoding:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows(GERMAN)
        name, content = "extract.csv", text.getvalue().encode(encoding)
    else:
        name, content = (
            "extract.xlsx",
            as_excel([GERMAN[0], [42, *GERMAN[1][1:3], True]], formats={"A2": "00000"}),
        )
    columns = {"Personalnummer": "employee_number", "Vorname": "first_name", "Nachname": "last_name"}
    run(step(content, name=name, columns=columns, ignored_columns=["Aktiv"], **arguments))
    [user] = sent(damstra_emulator)
    assert list(user.values()) == ["Jörg", "Groß; Klein", "00042"]


def test_quoted_cell_may_contain_newline(step: Step, damstra_emulator: DamstraEmulator) -> None:
    content = f'{HEADER}E9001,Ada,"Byron\nCountess",,,\nE9002,Bea,Byron,,,\n'
    run(step(content))
    assert [user["lastName"] for user in sent(damstra_emulator)] == ["Byron\nCountess", "Byron"]


def test_empty_cell_keeps_present_value(
    step: Step, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    before = api.get_json("/user/1007")
    run(step(f"{HEADER}E1007,Mei,Chan,,  ,\n"))
    after = api.get_json("/user/1007")
    assert after == {**before, "lastName": "Chan", "modifiedDate": after["modifiedDate"]}


@pytest.mark.parametrize("roles", ["5;8", "SUPERVISOR;INSTRUCTOR", "supervisor|8", '"5,8"', " 8 ; 5;"])
def test_roles_are_accepted_by_number_or_name(
    roles: str, step: Step, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    run(step(f"{HEADER}E1011,Liam,Murphy,,,{roles}\n"))
    assert api.get_json("/user/1011")["roles"] == [5, 8]


@pytest.mark.parametrize("name", ["people.jsonl", "people.ndjson", "PEOPLE.JSONL"])
def test_json_lines_are_imported(name: str, step: Step, damstra_emulator: DamstraEmulator) -> None:
    rows = [{"employeeNumber": "E9001", "firstName": "Ada", "lastName": "Byron", "roles": [5]}, LIAM]
    content = "\n".join(map(json.dumps, rows)) + "\n\n"
    assert run(step(content, name=name)).value == [NEW_USER, 1011]


def test_json_lines_may_start_with_byte_order_mark(step: Step, damstra_emulator: DamstraEmulator) -> None:
    assert run(step(json.dumps(LIAM).encode("utf-8-sig"), name="people.jsonl")).value == [1011]


def test_only_newline_ends_a_json_line(step: Step, damstra_emulator: DamstraEmulator) -> None:
    row = {"employeeNumber": "E9001", "firstName": "Ada", "lastName": "By\u2028ron\x85s"}
    run(step(json.dumps(row, ensure_ascii=False), name="people.jsonl"))
    assert sent(damstra_emulator) == [row]


def test_all_bad_rows_are_reported_and_nothing_is_sent(step: Step, damstra_emulator: DamstraEmulator) -> None:
    rows = [
        "E1,Ada,Byron,,,",
        ",Ada,Byron,,,",
        "E3,,,,,",
        "E4,Ada,Byron,ada at example,,",
        "E5,Ada,Byron,,,99",
        "E6,Ada,Byron,,,,more",
        "E7,Ada",
        "",
        '"e1","Ada\nMaria",Byron,,,',
        "E9,Ada,Byron,,,BOSS",
    ]
    why = fail_fast_message(step(HEADER + "\n".join(rows)))
    first, *problems = why.splitlines()
    assert first.endswith("people.csv: 8 bad rows, no user was imported:")
    expected = [
        "line 3: employee_number missing",
        "line 4: first_name and last_name missing",
        "line 5: email_address is not an e-mail address",
        "line 6: roles.0: ",
        "line 7: has 1 more cells than the header",
        "line 8: has fewer cells than the header",
        "line 11: the same employee_number as line 2",
        "line 12: roles.0: ",
    ]
    assert [
        problem.strip()[: len(text)] for problem, text in zip(problems, expected, strict=True)
    ] == expected
    assert damstra_emulator.journal() == []


def test_all_problems_of_a_row_are_reported_with_names_of_roles(
    step: Step, damstra_emulator: DamstraEmulator
) -> None:
    why = fail_fast_message(step(f"{HEADER}E1,,Byron,ada at example,,LEHRLING;5;CHEF\n"))
    roles = "ADMIN (3), EDITOR (4), SUPERVISOR (5), TRAINEE (6), OWNER (7), INSTRUCTOR (8)"
    assert why.endswith(
        "line 2: first_name missing; email_address is not an e-mail address; "
        f"roles.0: it is no role; roles are {roles}; roles.2: it is no role; roles are {roles}"
    )
    assert damstra_emulator.journal() == []


def test_bad_quote_does_not_hide_earlier_bad_rows(step: Step, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step(f'{HEADER},Ada,Byron,,,\nE2,"Ada"x,Byron,,,\n'))
    assert "line 2: employee_number missing" in why
    assert "line 3: " in why
    assert damstra_emulator.journal() == []


def test_first_bad_rows_are_shown(step: Step, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step(HEADER + ",Ada,Byron,,,\n" * 50))
    assert "50 bad rows" in why
    assert len(why.splitlines()) == 22
    assert "and 30 more" in why


def test_unknown_column_is_named(step: Step, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step("employeeNumber,firstName,lastName,shoeSize\nE1,Ada,Byron,38\n"))
    assert "people.csv: line 1: 'shoeSize': no such column" in why


def test_duplicate_column_is_named(step: Step, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step("employeeNumber,firstName,lastName,firstName\nE1,Ada,Byron,Bea\n"))
    assert "firstName" in why
    assert damstra_emulator.journal() == []


def test_bad_json_lines_are_reported(step: Step, damstra_emulator: DamstraEmulator) -> None:
    lines = [
        json.dumps(LIAM),
        "{",
        "[1]",
        '"text"',
        json.dumps({**LIAM, "employeeNumber": 7.5}),
        json.dumps(LIAM),
    ]
    why = fail_fast_message(step("\n".join(lines), name="people.jsonl"))
    assert "line 2: is not JSON" in why
    assert "line 3: is a list, not names and values" in why
    assert "line 4: is a str, not names and values" in why
    assert "line 5: employee_number: Input should be a valid string" in why
    assert "line 6: the same employee_number as line 1" in why
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("column", ["password", "time_zone"])
def test_values_are_validated_before_anything_is_sent(
    column: str, step: Step, damstra_emulator: DamstraEmulator
) -> None:
    why = fail_fast_message(
        step(f"employee_number,first_name,last_name,{column}\nE1,Ada,Byron,Hunter2/Mars\n")
    )
    assert column in why
    assert "Hunter2" not in why
    assert damstra_emulator.journal() == []


def test_file_that_is_not_utf8_is_rejected(step: Step, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step(HEADER.encode() + b"E1,Zo\xeb,Byron,,,\n"))
    assert "people.csv" in why
    assert "utf-8" in why
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("content", [HEADER, "", "\ufeff\n \n"])
def test_file_without_rows_is_accepted_only_if_allowed(
    content: str, step: Step, damstra_emulator: DamstraEmulator
) -> None:
    assert fail_fast_message(step(content)).endswith("set allow_empty=True")
    assert run(step(content, allow_empty=True)).value == []
    assert changes_in(damstra_emulator) == {}


HR_EXTRACT = "Personnel No,Given Name,Surname,Cost Centre\nE9001,Ada,Byron,4711\nE1011,Liam,Murphy,\n"
HR_COLUMNS = {"Personnel No": "employee_number", "Given Name": "firstName", "Surname": "last_name"}


@pytest.mark.parametrize("name", ["extract.csv", "extract.jsonl"])
def test_columns_are_renamed_or_ignored(name: str, step: Step, damstra_emulator: DamstraEmulator) -> None:
    content = HR_EXTRACT
    if name.endswith("jsonl"):
        content = "\n".join(json.dumps(row) for row in csv.DictReader(io.StringIO(HR_EXTRACT)))
    outcome = run(step(content, name=name, columns=HR_COLUMNS, ignored_columns=["Cost Centre"]))
    assert (outcome.value, outcome.xcoms["unchanged"]) == ([NEW_USER, 1011], [1011])
    assert sent(damstra_emulator) == [{"employeeNumber": "E9001", "firstName": "Ada", "lastName": "Byron"}]


NO_MEMBER = {**HR_COLUMNS, "Cost Centre": "cost_centre"}


@pytest.mark.parametrize(
    ("columns", "ignored", "message"),
    [
        (HR_COLUMNS, [], "line 1: 'Cost Centre': no such column"),
        (NO_MEMBER, [], "columns: a user has no 'cost_centre'; it has user_name, first_name, "),
        ({**HR_COLUMNS, "Cost Centre": ["a"]}, [], r"columns: a user has no ['a']"),
        (
            {**HR_COLUMNS, "Cost Centre": "lastName"},
            [],
            "line 1: has last_name twice, as Surname and as Cost Centre",
        ),
        (HR_COLUMNS, "Cost Centre", "ignored_columns is 'Cost Centre'; it is a list of names"),
        (HR_COLUMNS, 7, "ignored_columns is 7; it is a list of names"),
        (HR_COLUMNS, [["Cost Centre"]], "ignored_columns is [['Cost Centre']]; it is a list of names"),
        ("Surname", [], "columns is a str, not names and values"),
        (
            HR_COLUMNS,
            ["Cost Centre", "Surname"],
            "line 1: there is no column of last_name; the file has ",
        ),
    ],
    ids=str,
)
def test_invalid_columns_are_rejected(
    columns: Any, ignored: Any, message: str, step: Step, damstra_emulator: DamstraEmulator
) -> None:
    assert message in fail_fast_message(step(HR_EXTRACT, columns=columns, ignored_columns=ignored))
    assert damstra_emulator.journal() == []


def test_column_in_both_spellings_is_rejected(step: Step, damstra_emulator: DamstraEmulator) -> None:
    row = json.dumps({"employee_number": "E9001", "employeeNumber": "E9002", "firstName": "A"})
    message = "line 1: has employee_number twice, as employee_number and as employeeNumber"
    assert message in fail_fast_message(step(row, name="people.jsonl"))
    assert damstra_emulator.journal() == []
