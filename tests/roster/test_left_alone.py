"""People who are left alone: duplicates, ambiguous and unmatched ones; they do not stop the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.models.user import User
from airflow_provider_damstra.services.roster.account import Account
from airflow_provider_damstra.services.roster.matching import match_people
from airflow_provider_damstra.services.user_import.columns import UserColumns
from airflow_provider_damstra.services.user_import.parsing import parse_row_list
from tests.operators.task_runner import error_message, run
from tests.roster.sync import CREW_IDS, operator, row, sent_writes

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

LIAM, NEW, OTHER = 1011, 1041, 1042
CREW = [row(user_id) for user_id in CREW_IDS[1:]]
"""The crew without Liam, all renamed."""

TWIN = {"firstName": "Twin", "lastName": "Murphy", "employeeNumber": "E1011"}
NUMBERLESS = {"firstName": "Kiosk", "lastName": "One", "emailAddress": "kiosk@example.com"}


def user(api: ApiClient, user_id: int) -> Any:
    return api.get_json(f"/user/{user_id}")


@pytest.mark.parametrize(
    ("rows", "twin", "left_alone"),
    [
        ([row(LIAM), row(LIAM, last_name="Lovelace")], None, [LIAM]),
        ([row(LIAM)], TWIN, [LIAM, NEW]),
        ([row("E9", user_name="L.MURPHY")], None, [LIAM]),
        ([row("E9", email_address="Liam.Murphy@example.com")], None, [LIAM]),
        ([row("E9", email_address="kiosk@example.com"), row(LIAM)], NUMBERLESS, [NEW]),
    ],
    ids=[
        "rows that differ",
        "two users",
        "taken user name",
        "known address",
        "address of a user without number",
    ],
)
def test_ambiguous_person_is_left_alone_and_does_not_stop_the_others(
    rows: list[dict[str, Any]],
    twin: dict[str, str] | None,
    left_alone: list[int],
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
) -> None:
    if twin:
        api.send("/user", **twin)
    before = [user(api, user_id) for user_id in left_alone]
    outcome = run(operator([*rows, *CREW]))
    assert outcome.xcoms["ambiguous"] == left_alone
    assert [user(api, user_id) for user_id in left_alone] == before
    assert outcome.value["counts"]["ambiguous"] == 1
    assert set(CREW_IDS[1:]) <= set(outcome.xcoms["updated"])
    assert outcome.xcoms["created"] == outcome.xcoms["inactivated"] == []


@pytest.mark.parametrize("match_by", ["email_address", "user_name"])
def test_new_address_or_user_name_of_an_employee_number_makes_no_second_account(
    match_by: str, damstra_emulator: DamstraEmulator
) -> None:
    outcome = run(operator([row(LIAM, **{match_by: "married@example.com"})], match_by=match_by))
    assert outcome.xcoms["ambiguous"] == [LIAM]
    assert outcome.xcoms["created"] == []
    assert outcome.xcoms["inactivated"] == list(CREW_IDS[1:])


@pytest.mark.parametrize(
    "rows",
    [
        [row("E9", user_name="twice"), row("E10", user_name="twice")],
        [row("E9", user_name="o.tran")],
    ],
    ids=["of two rows", "of a user outside of the scope"],
)
def test_user_name_that_damstra_would_reject_is_not_sent(
    rows: list[dict[str, Any]], damstra_emulator: DamstraEmulator
) -> None:
    outcome = run(operator([*rows, row("E11"), row(LIAM), *CREW]))
    assert outcome.value["counts"]["ambiguous"] == len(rows)
    assert outcome.xcoms["created"] == [NEW]


def test_address_of_several_people_identifies_none(damstra_emulator: DamstraEmulator) -> None:
    shared = {"email_address": "crew@example.com"}
    run(operator([row(LIAM, **shared), *CREW]))
    outcome = run(operator([row("E9", **shared), row("E10", **shared), *CREW]))
    assert outcome.xcoms["created"] == [NEW, OTHER]
    assert outcome.xcoms["inactivated"] == [LIAM]


def test_equal_rows_are_one_person(damstra_emulator: DamstraEmulator) -> None:
    outcome = run(operator([row(LIAM), row("e1011 "), row(LIAM), *CREW]))
    assert outcome.value["counts"]["ambiguous"] == 1
    outcome = run(operator([row(LIAM), row(LIAM), *CREW]))
    assert (outcome.value["counts"]["duplicate"], outcome.value["counts"]["ambiguous"]) == (1, 0)
    assert outcome.xcoms["updated"] == [LIAM]


def test_user_with_exactly_the_spelling_is_meant_and_the_other_is_left_alone(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    api.send("/user", **{**TWIN, "employeeNumber": "e1011"})
    outcome = run(operator([row(LIAM), *CREW]))
    assert (outcome.xcoms["duplicate"], outcome.xcoms["ambiguous"]) == ([NEW], [])
    assert user(api, LIAM)["firstName"] == "Ada"
    assert user(api, NEW)["firstName"] == "Twin"


def test_user_without_number_is_unmatched_and_stays_active(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    api.send("/user", **NUMBERLESS, groups=[{"id": 102}])
    outcome = run(operator([row(LIAM), *CREW]))
    assert outcome.xcoms["unmatched"] == [NEW]
    assert outcome.xcoms["inactivated"] == []


@pytest.mark.parametrize(
    ("roles", "keep_roles", "first_name", "kind"),
    [
        (None, True, "Ada", "ambiguous"),
        (None, True, "Liam", None),
        (None, False, "Ada", None),
        ([6], True, "Ada", None),
    ],
    ids=["changed", "unchanged", "not kept", "named"],
)
def test_user_with_undocumented_role_is_left_alone_if_an_import_would_take_it_away(
    roles: list[int] | None, keep_roles: bool, first_name: str, kind: str | None
) -> None:
    user = User(id=LIAM, employee_number="E1011", first_name="Liam", last_name="Murphy", roles=[6, 99])
    account = Account(users={LIAM: user}, groups={}, scope_ids=frozenset([LIAM]))
    rows = parse_row_list(
        [row(LIAM, first_name, "Murphy", roles=roles)],
        UserColumns({}),
        match_by="employee_number",
        allow_empty=False,
    )
    matches = match_people(rows, account, match_by="employee_number", keep_roles=keep_roles)
    assert [problem.kind for problem in matches.problems] == ([kind] if kind else [])
    assert bool(matches.rows) == (kind is None)


@pytest.mark.parametrize("dry_run", [True, False])
def test_on_ambiguous_fail_names_rows_and_users_before_any_change(
    dry_run: bool, damstra_emulator: DamstraEmulator
) -> None:
    rows = [row(LIAM), row(LIAM, last_name="Lovelace"), row(1016), row(1016)]
    message = error_message(operator(rows, on_ambiguous="fail", dry_run=dry_run), DamstraConflictError)
    assert "row 1, row 2, user [1011]: rows with the same employee_number that differ" in message
    assert "row 3, row 4: equal rows of a person" in message
    assert sent_writes(damstra_emulator) == []


def test_report_contains_no_personal_data(
    damstra_emulator: DamstraEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        row(LIAM, "Grace", "Hopper"),
        row(LIAM, "Mary", "Shelley"),
        row("E9", email_address="secret@example.com"),
    ]
    with caplog.at_level("DEBUG"):
        outcome = run(operator([*rows, *CREW]))
    shown = caplog.text + str(outcome)
    assert [text for text in ("Hopper", "Shelley", "secret@", "E9", "Byron") if text in shown] == []
