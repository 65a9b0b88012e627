"""Identity: users and groups are matched regardless of case and surrounding blanks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.operators.group import DamstraCreateGroupOperator
from airflow_provider_damstra.operators.user import (
    DamstraCreateUserOperator,
    DamstraUpdateUserOperator,
    DamstraUpsertUsersOperator,
)
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, fail_fast_message, run

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

STORED = {
    "employee_number": "Ab12",
    "email_address": "Jo.Bloggs@Example.com",
    "user_name": "Jo.Blöggs",
}
NAME = {"first_name": "Jo", "last_name": "Bloggs"}
ROLES = [5, 6]
EMPTY_PAGE: dict[str, Any] = {"meta": {"totalResultCount": 0}, "results": []}

each_spelling = pytest.mark.parametrize(
    ("match_by", "value"),
    [
        ("employee_number", "aB12"),
        ("employee_number", "Ab12 "),
        ("employee_number", "\u200bAb12\ufeff"),
        ("email_address", "jo.bloggs@example.com"),
        ("email_address", "\u00a0Jo.Bloggs@Example.com"),
        ("user_name", "JO.BLÖGGS"),
        ("user_name", "Jo.Blo\u0308ggs"),
    ],
)


@pytest.fixture
def stored_id(damstra_emulator: DamstraEmulator) -> int:
    """Return the id of an account that is in Damstra before the tests' tasks run."""
    user_id: int = run(
        DamstraCreateUserOperator(task_id="stored", user={**NAME, **STORED, "roles": ROLES})
    ).value
    damstra_emulator.clear_journal()
    return user_id


def others(match_by: str, count: int) -> list[dict[str, str]]:
    domain = "@example.com" if match_by == "email_address" else ""
    return [{**NAME, match_by: f"n{number}{domain}"} for number in range(count)]


def upsert(users: Any, match_by: str) -> DamstraUpsertUsersOperator:
    return DamstraUpsertUsersOperator(task_id="step", users=users, match_by=match_by)


@each_spelling
@pytest.mark.parametrize("count", [1, 201])
def test_import_in_another_spelling_creates_no_second_account(
    match_by: str,
    value: str,
    count: int,
    stored_id: int,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
) -> None:
    row = {"first_name": "Josephine", "last_name": "Bloggs", match_by: value}
    outcome = run(upsert([row, *others(match_by, count - 1)], match_by))
    assert outcome.xcoms["updated"] == [stored_id]
    assert changes_in(damstra_emulator).get("insert users", 0) == count - 1
    stored = api.get_json(f"/user/{stored_id}")
    assert (stored["firstName"], stored["roles"]) == ("Josephine", ROLES)
    assert run(upsert([row], match_by)).xcoms["unchanged"] == [stored_id]


@each_spelling
@pytest.mark.parametrize("if_exists", ["return", "update"])
def test_create_user_finds_another_spelling(
    match_by: str,
    value: str,
    if_exists: Literal["return", "update"],
    stored_id: int,
    damstra_emulator: DamstraEmulator,
) -> None:
    operator = DamstraCreateUserOperator(task_id="step", user={**NAME, match_by: value}, if_exists=if_exists)
    assert run(operator).value == stored_id
    assert "insert users" not in changes_in(damstra_emulator)


@pytest.mark.parametrize("match_by", STORED)
def test_listing_is_read_once_and_only_if_a_search_finds_no_user(
    match_by: str, stored_id: int, damstra_emulator: DamstraEmulator
) -> None:
    run(upsert([{**NAME, match_by: STORED[match_by]}], match_by))
    assert len(damstra_emulator.journal()) == 1
    damstra_emulator.clear_journal()
    rows = [{**NAME, match_by: STORED[match_by].upper()}, *others(match_by, 3)]
    run(upsert(rows, match_by))
    requests = damstra_emulator.journal(method="GET", path="/user")
    listings = [entry for entry in requests if not {"q", "empId", "emailAddress"} & entry["query"].keys()]
    assert len(listings) == 1


@pytest.mark.parametrize("count", [1, 201])
def test_exact_spelling_has_precedence_over_a_duplicate_account(
    count: int, stored_id: int, damstra_emulator: DamstraEmulator
) -> None:
    duplicate = {"employee_number": "AB12"}
    run(DamstraUpdateUserOperator(task_id="step", user_id=1011, changes=duplicate))
    rest = others("employee_number", count - 1)
    assert run(upsert([{**NAME, **duplicate}, *rest], "employee_number")).value[0] == 1011
    why = error_message(upsert([{**NAME, "employee_number": "ab12"}, *rest], "employee_number"))
    assert why.startswith(f"Users 1011 and {stored_id} have the same employee_number")
    assert "ab12" not in why.lower()


@pytest.mark.parametrize("match_by", STORED)
@pytest.mark.parametrize("blank", [" \t", " \u200b"])
def test_blank_key_is_rejected_before_a_request(
    match_by: str, blank: str, damstra_emulator: DamstraEmulator
) -> None:
    assert f"row 1: {match_by} missing" in fail_fast_message(upsert([{**NAME, match_by: blank}], match_by))
    operator = DamstraCreateUserOperator(task_id="step", user={**NAME, match_by: "  "})
    assert "needs an employee_number, an email_address or a user_name" in fail_fast_message(operator)
    assert damstra_emulator.journal() == []


def test_keys_of_one_file_are_compared_like_those_in_damstra(damstra_emulator: DamstraEmulator) -> None:
    rows = [{**NAME, "employee_number": "É1"}, {**NAME, "employee_number": " e\u03011"}]
    why = fail_fast_message(upsert(rows, "employee_number"))
    assert "row 2: the same employee_number as row 1" in why


def create_group(name: str, **arguments: Any) -> DamstraCreateGroupOperator:
    return DamstraCreateGroupOperator(task_id="step", name=name, description="All", **arguments)


@pytest.mark.parametrize("search_is_exact", [False, True])
@pytest.mark.parametrize("name", ["équipe a", " Équipe A ", "E\u0301QUIPE A"])
def test_create_group_finds_another_spelling(
    name: str, search_is_exact: bool, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    group_id = run(create_group("Équipe A", parent_id=101)).value
    if search_is_exact:
        damstra_emulator.add_fault(
            "status", status=200, method="GET", path="/group", body=EMPTY_PAGE, count=1
        )
    damstra_emulator.clear_journal()
    assert run(create_group(name, parent_id=101, if_exists="update")).value == group_id
    assert changes_in(damstra_emulator) == {}
    assert api.get_json(f"/group/{group_id}")["name"] == "Équipe A"


def test_group_of_another_parent_is_not_the_same(damstra_emulator: DamstraEmulator) -> None:
    first = run(create_group("Welders", parent_id=101)).value
    assert run(create_group("WELDERS", parent_id=102)).value != first
    assert error_message(create_group("wELDERS"), DamstraConflictError).startswith("There are 2 groups")
    assert run(create_group("Welders")).value == first


def test_blank_group_name_is_rejected(damstra_emulator: DamstraEmulator) -> None:
    assert "name" in fail_fast_message(create_group(" \n"))
    assert damstra_emulator.journal() == []
