"""Upsert of users from a list: matching, roles, batches, and what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.models import Role
from airflow_provider_damstra.operators.user import DamstraUpdateUserOperator, DamstraUpsertUsersOperator
from tests.operators.faults import FAULTS, SERVER_ERROR, inject_fault
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import StateStore, error_message, fail_fast_message, run
from tests.operators.user_group_cases import ADA, NEW_USER

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory

LIAM = {"employee_number": "E1011", "first_name": "Liam", "last_name": "Murphy"}
# A supervisor and trainee.
MEI = {"employee_number": "E1007", "first_name": "Mei", "last_name": "Chan"}

OUTCOME = {
    "created": [NEW_USER],
    "updated": [1007],
    "unchanged": [1011],
    "reactivated": [],
    "inactive": [],
}


def step(users: Any, **arguments: Any) -> DamstraUpsertUsersOperator:
    return DamstraUpsertUsersOperator(task_id="step", users=users, **arguments)


def imports(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    return [entry["body"] for entry in emulator.journal(path="/bulkUserImport")]


def new_users(count: int) -> list[dict[str, str]]:
    return [
        {"employee_number": f"N{number}", "first_name": "New", "last_name": f"Comer{number}"}
        for number in range(count)
    ]


def test_outcome_separates_created_updated_and_unchanged(damstra_emulator: DamstraEmulator) -> None:
    outcome = run(step([LIAM, ADA, MEI]))
    assert outcome.value == [1011, NEW_USER, 1007]
    assert outcome.xcoms == OUTCOME


def test_outcome_covers_earlier_tries_with_the_same_rows(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    store = StateStore()
    inject_fault(damstra_emulator, FAULTS["429"], method="POST", path="/bulkUserImport", number=2)
    with pytest.raises(DamstraError):
        run(step([ADA, MEI], batch_size=1), task_state_store=store)
    assert ADA["emailAddress"] not in str(store)
    for _ in range(2):
        outcome = run(step([ADA, MEI, LIAM], batch_size=1), task_state_store=store)
        assert outcome.xcoms == OUTCOME


def test_imported_user_that_cannot_be_found_is_reported(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=200, path="/bulkUserImport", body=[])
    why = error_message(step([ADA, LIAM]), DamstraConflictError)
    assert why.startswith("1 of 2 users were imported, but none with their employee_number can be found")


def test_unchanged_users_are_not_sent(damstra_emulator: DamstraEmulator) -> None:
    run(step([LIAM, MEI]))
    (request,) = imports(damstra_emulator)
    assert [user["employeeNumber"] for user in request["users"]] == ["E1007"]
    run(step([LIAM, MEI]))
    assert len(imports(damstra_emulator)) == 1


@pytest.mark.parametrize(
    ("match_by", "merge_type", "key"),
    [
        ("employee_number", "empNo", {"employee_number": "E1011"}),
        ("email_address", "email", {"email_address": "liam.murphy@example.com"}),
        ("user_name", "userName", {"user_name": "l.murphy"}),
    ],
)
def test_match_by_selects_the_matched_field(
    match_by: str, merge_type: str, key: dict[str, str], damstra_emulator: DamstraEmulator
) -> None:
    row = {"first_name": "Leo", "last_name": "Murphy", **key}
    assert run(step([row], match_by=match_by)).value == [1011]
    (request,) = imports(damstra_emulator)
    assert request["mergeType"] == merge_type
    assert changes_in(damstra_emulator) == {"update users": 1}


def test_inactive_user_is_matched(damstra_emulator: DamstraEmulator) -> None:
    row = {"employee_number": "E1038", "first_name": "Wayne", "last_name": "Birch"}
    assert run(step([row])).xcoms["unchanged"] == [1038]


def test_many_users_are_matched_by_one_listing(
    damstra_emulator: DamstraEmulator,
) -> None:
    outcome = run(step([LIAM, *new_users(200)]))
    assert outcome.xcoms["unchanged"] == [1011]
    assert len(outcome.xcoms["created"]) == 200
    assert len(damstra_emulator.journal(method="GET")) < 5


@pytest.mark.parametrize(("keep_roles", "roles"), [(True, [5, 6]), (False, [6])])
def test_keep_roles_keeps_roles_that_are_not_given(
    keep_roles: bool, roles: list[int], damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    run(step([MEI], keep_roles=keep_roles))
    assert api.get_json("/user/1007")["roles"] == roles


@pytest.mark.parametrize(
    "roles", [[5, 8], (Role.SUPERVISOR, Role.INSTRUCTOR), "SUPERVISOR;INSTRUCTOR", "5,8"]
)
def test_given_roles_replace_present_roles(
    roles: Any, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    run(step([{**LIAM, "roles": roles}]))
    assert api.get_json("/user/1011")["roles"] == [5, 8]
    again = run(step([{**LIAM, "roles": roles}]))
    assert again.xcoms["unchanged"] == [1011]


def test_roles_in_a_list_are_accepted_by_name(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    run(step([{**LIAM, "roles": ["SUPERVISOR", "trainee", 8]}]))
    assert api.get_json("/user/1011")["roles"] == [5, 6, 8]


def test_fields_that_are_not_given_keep_their_values(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    before = api.get_json("/user/1007")
    run(step([{**MEI, "phone_number": None}]))
    after = api.get_json("/user/1007")
    assert after == {**before, "lastName": "Chan", "modifiedDate": after["modifiedDate"]}


def test_ambiguous_match_names_users_and_imports_no_user(
    damstra_emulator: DamstraEmulator,
) -> None:
    run(DamstraUpdateUserOperator(task_id="step", user_id=1011, changes={"employee_number": "E1012"}))
    why = error_message(step([ADA, {**LIAM, "employee_number": "E1012"}]), DamstraConflictError)
    assert why.startswith("Users 1011 and 1012 have the same employee_number")
    assert imports(damstra_emulator) == []


def test_batch_size_limits_users_per_request(damstra_emulator: DamstraEmulator) -> None:
    assert len(run(step(new_users(5), batch_size=2)).value) == 5
    assert [len(request["users"]) for request in imports(damstra_emulator)] == [2, 2, 1]


def test_failed_batch_reports_what_was_imported_before(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    inject_fault(damstra_emulator, FAULTS["429"], method="POST", path="/bulkUserImport", number=2)
    operator = step(new_users(5), batch_size=2)
    assert error_message(operator, DamstraError).startswith(
        "Of 5 users to import 2 were imported before users 3 to 4 failed; running it again does the rest. "
        "BulkUserImport (POST /bulkUserImport) failed (HTTP 429)"
    )
    assert changes_in(damstra_emulator)["insert users"] == 2
    assert len(run(step(new_users(5), batch_size=2)).value) == 5
    assert changes_in(damstra_emulator)["insert users"] == 5


def test_imported_batch_is_not_resent_after_lost_response(damstra_emulator: DamstraEmulator) -> None:
    inject_fault(damstra_emulator, {"kind": "drop_after"}, method="POST", path="/bulkUserImport")
    outcome = run(step([LIAM, ADA, MEI]))
    assert outcome.xcoms == OUTCOME
    assert len(imports(damstra_emulator)) == 1


def test_refused_batch_fails_immediately(damstra_emulator: DamstraEmulator) -> None:
    body = {"message": "no", "reason": "Invalid request", "error": "Bad Request", "statusCode": 400}
    damstra_emulator.add_fault("status", status=400, path="/bulkUserImport", body=body)
    assert "0 were imported before users 1 to 1 failed" in fail_fast_message(step([ADA]))


def test_server_error_is_left_to_a_retry(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=503, path="/bulkUserImport", body=SERVER_ERROR)
    assert "HTTP 503" in error_message(step([ADA]))
    damstra_emulator.clear_faults()
    assert run(step([ADA])).value == [NEW_USER]


@pytest.mark.parametrize("empty", [[], ()], ids=repr)
def test_empty_list_is_accepted_only_with_allow_empty(empty: Any, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step(empty))
    assert why == "users is empty; if that can be right, set allow_empty=True"
    outcome = run(step(empty, allow_empty=True))
    assert (outcome.value, outcome.xcoms) == ([], {key: [] for key in OUTCOME})
    assert damstra_emulator.journal() == []
