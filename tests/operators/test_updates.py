"""Updates: fields that are not given keep their values, and nothing is sent without differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.operators.group import DamstraUpdateGroupOperator
from airflow_provider_damstra.operators.ilt_session import (
    DamstraSaveIltSessionProgressOperator,
    DamstraUpdateIltSessionOperator,
)
from airflow_provider_damstra.operators.user import DamstraCreateUserOperator, DamstraUpdateUserOperator
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, run

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

# A trainee in the groups 101 and 102; an administrator and owner.
LIAM, MARGARET = 1011, 1001


def update_user(user_id: int, **changes: Any) -> Any:
    return run(DamstraUpdateUserOperator(task_id="step", user_id=user_id, changes=changes)).value


def sent(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    return [entry["body"] for entry in emulator.journal() if entry["method"] != "GET"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"mobile_number": "0400"}, {"mobileNumber": "0400"}),
        (
            {"mobileNumber": "0400", "timeZone": "Australia/Sydney"},
            {"mobileNumber": "0400", "timeZone": "Australia/Sydney"},
        ),
        ({"roles": [6, 5]}, {"roles": [5, 6]}),
        ({"groups": [{"id": 104}]}, {"groups": [{"id": 104}]}),
        ({"groups_supervised": [103]}, {"groupsSupervised": [{"id": 103}]}),
        ({"employee_number": None}, {"employeeNumber": None}),
    ],
    ids=str,
)
def test_update_user_keeps_fields_that_are_not_given(
    changes: dict[str, Any], shown: dict[str, Any], damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    before = api.get_json(f"/user/{LIAM}")
    assert update_user(LIAM, **changes) is True
    after = api.get_json(f"/user/{LIAM}")
    changed = {name: after.get(name) for name in {**before, **after} if after.get(name) != before.get(name)}
    assert {name: value for name, value in changed.items() if name != "modifiedDate"} == shown


@pytest.mark.parametrize(
    ("user_id", "changes"),
    [
        (LIAM, {"first_name": "Liam"}),
        (LIAM, {"roles": ["6"]}),
        (LIAM, {"groups": [101, 102]}),
        (LIAM, {"groups": [102, 101]}),
        (MARGARET, {"roles": [7, 3]}),
        (MARGARET, {"roles": [3, 7, 3]}),
    ],
    ids=str,
)
def test_update_user_sends_nothing_without_differences(
    user_id: int, changes: dict[str, Any], damstra_emulator: DamstraEmulator
) -> None:
    assert update_user(user_id, **changes) is False
    assert sent(damstra_emulator) == []


def test_update_user_without_phone_number(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    user = {"user_name": "ada", "first_name": "Ada"}
    user_id = run(DamstraCreateUserOperator(task_id="step", user=user)).value
    assert update_user(user_id, last_name="Byron") is True
    assert api.get_json(f"/user/{user_id}")["lastName"] == "Byron"
    assert update_user(user_id, last_name="Byron") is False


def test_user_name_is_matched_case_insensitively(damstra_emulator: DamstraEmulator) -> None:
    user = {"user_name": "L.Murphy"}
    assert run(DamstraCreateUserOperator(task_id="step", user=user)).value == LIAM
    assert sent(damstra_emulator) == []


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        ({"name": "Pit Crew N"}, {"name": "Pit Crew N"}),
        ({"description": ""}, {"description": ""}),
        ({"parent_id": 105}, {"parentId": 105}),
    ],
    ids=str,
)
def test_update_group_keeps_fields_that_are_not_given(
    changes: dict[str, Any], members: dict[str, Any], damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    before = api.get_json("/group/103")
    assert run(DamstraUpdateGroupOperator(task_id="step", group_id=103, **changes)).value is True
    assert api.get_json("/group/103") == {**before, **members}


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        ({"instructor_id": "1009"}, {"instructorId": 1009}),
        ({"location": "Room 9"}, {"location": "Room 9"}),
        ({"notes": ""}, {"notes": ""}),
        ({"number_of_places": "2"}, {"numberOfPlaces": 2}),
    ],
    ids=str,
)
def test_update_session_keeps_fields_that_are_not_given(
    changes: dict[str, Any], members: dict[str, Any], damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    before = api.get_json("/ilt_session/403")
    operator = DamstraUpdateIltSessionOperator(task_id="step", ilt_session_id=403, **changes)
    assert run(operator).value is True
    after = api.get_json("/ilt_session/403")
    assert after == {**before, **members, "modifiedDate": after["modifiedDate"]}
    again = DamstraUpdateIltSessionOperator(task_id="step", ilt_session_id=403, **changes)
    assert run(again).value is False


def test_save_progress_keeps_values_that_are_not_given(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    def save(**record: bool) -> Any:
        progress: dict[int | str, dict[str, bool]] = {1015: record, "1016": {"attended": False}}
        operator = DamstraSaveIltSessionProgressOperator(
            task_id="step", ilt_session_id=402, progress=progress
        )
        return run(operator).value

    assert [save(attended=True), save(passed=True), save(attended=True, passed=True)] == [1, 1, 0]
    shown = {one["userId"]: one for one in api.get_json("/ilt_session/402/attendees")["results"]}
    assert [(one["attended"], one["passed"]) for one in (shown[1015], shown[1016])] == [
        (True, True),
        (False, False),
    ]


def test_save_progress_names_unregistered_users_and_records_nothing(
    damstra_emulator: DamstraEmulator,
) -> None:
    operator = DamstraSaveIltSessionProgressOperator(
        task_id="step", ilt_session_id=402, user_ids=[1015, 1021, 1022]
    )
    why = error_message(operator, DamstraNotFoundError)
    assert why.startswith("ILT session 402: users 1021, 1022 are not registered, so no attendance")
    assert changes_in(damstra_emulator) == {}
