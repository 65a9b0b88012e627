"""State that exists already: ``strict``, ``if_exists``, and tasks that are cleared later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraAddGroupSupervisorsOperator,
    DamstraCreateGroupOperator,
    DamstraInactivateGroupOperator,
    DamstraRemoveGroupMembersOperator,
    DamstraRemoveGroupSupervisorsOperator,
)
from airflow_provider_damstra.operators.ilt_session import (
    DamstraCancelIltSessionOperator,
    DamstraCompleteIltSessionOperator,
    DamstraDeregisterIltSessionUsersOperator,
    DamstraRegisterIltSessionUsersOperator,
)
from airflow_provider_damstra.operators.user import (
    DamstraActivateUserOperator,
    DamstraCreateUserOperator,
    DamstraInactivateUserOperator,
)
from tests.operators.lesson_session_cases import COMPLETE_LESSON, CREATE_ILT_SESSION, REGISTER
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, run
from tests.operators.user_group_cases import CREATE_GROUP

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.operators.base import DamstraOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

PEOPLE = {"group_id": 102, "user_ids": [1011, 1012]}
ATTENDEES = {"ilt_session_id": 403, "user_ids": [1019, 1021]}
ALREADY_DONE: list[tuple[type[DamstraOperator], dict[str, Any], str]] = [
    (DamstraActivateUserOperator, {"user_id": 1011}, "User 1011 is active already"),
    (DamstraInactivateUserOperator, {"user_id": 1038}, "User 1038 is inactive already"),
    (DamstraInactivateGroupOperator, {"group_id": 108}, "Group 108 (Night Shift 2019) is inactive already"),
    (DamstraAddGroupMembersOperator, PEOPLE, "Group 102: users [1011] are in it already"),
    (DamstraRemoveGroupMembersOperator, PEOPLE, "Group 102: users [1012] are not in it already"),
    (
        DamstraAddGroupSupervisorsOperator,
        {"group_id": 102, "user_ids": [1005, 1006]},
        "Group 102: users [1005] are in it already",
    ),
    (
        DamstraRemoveGroupSupervisorsOperator,
        {"group_id": 102, "user_ids": [1005, 1006]},
        "Group 102: users [1006] are not in it already",
    ),
    (DamstraRegisterIltSessionUsersOperator, ATTENDEES, "ILT session 403: users [1019] are registered"),
    (DamstraDeregisterIltSessionUsersOperator, ATTENDEES, "ILT session 403: users [1021] are not registered"),
    (DamstraCompleteIltSessionOperator, {"ilt_session_id": 401}, "ILT session 401 is completed already"),
]


@pytest.mark.parametrize(
    ("kind", "arguments", "why"), ALREADY_DONE, ids=lambda value: getattr(value, "__name__", None)
)
def test_strict_fails_on_existing_state_and_changes_nothing(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    why: str,
    damstra_emulator: DamstraEmulator,
) -> None:
    assert why in error_message(kind(task_id="step", **arguments, strict=True), DamstraConflictError)
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


def test_strict_changes_what_differs(damstra_emulator: DamstraEmulator) -> None:
    operator = DamstraAddGroupMembersOperator(task_id="step", group_id=102, user_ids="1012,1013", strict=True)
    assert run(operator).value == [1012, 1013]


def test_session_is_cancelled_once(damstra_emulator: DamstraEmulator) -> None:
    def step(*, strict: bool = False) -> DamstraCancelIltSessionOperator:
        return DamstraCancelIltSessionOperator(task_id="step", ilt_session_id=403, strict=strict)

    assert [run(step()).value, run(step()).value] == [True, False]
    assert "ILT session 403 is cancelled already" in error_message(step(strict=True), DamstraConflictError)


def test_session_with_other_final_status_is_an_error(damstra_emulator: DamstraEmulator) -> None:
    cancel = DamstraCancelIltSessionOperator(task_id="step", ilt_session_id=401)
    assert "ILT session 401 is completed already" in error_message(cancel, DamstraConflictError)
    run(DamstraCancelIltSessionOperator(task_id="step", ilt_session_id=403))
    complete = DamstraCompleteIltSessionOperator(task_id="step", ilt_session_id=403)
    assert "ILT session 403 is cancelled already" in error_message(complete, DamstraConflictError)


EXISTING = [
    (DamstraCreateUserOperator, {"user": {"employee_number": "E1011", "first_name": "Leo"}}, 1011),
    (DamstraCreateUserOperator, {"user": {"email_address": "liam.murphy@example.com"}}, 1011),
    (DamstraCreateUserOperator, {"user": {"user_name": "l.murphy"}}, 1011),
    (DamstraCreateUserOperator, {"user": {"user_name": "w.birch"}}, 1038),
    (DamstraCreateGroupOperator, {"name": "Pit Crew A", "description": "New"}, 102),
    (DamstraCreateGroupOperator, {"name": "Pit Crew A", "description": "New", "parent_id": 101}, 102),
]


@pytest.mark.parametrize(("kind", "arguments", "found"), EXISTING)
def test_existing_object_is_returned_or_fails_with_if_exists_fail(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    found: int,
    damstra_emulator: DamstraEmulator,
) -> None:
    assert run(kind(task_id="step", **arguments)).value == found
    failing = kind(task_id="step", **arguments, if_exists="fail")
    assert f"exists already (id {found})" in error_message(failing, DamstraConflictError)
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


@pytest.mark.parametrize(
    ("kind", "arguments", "shown"),
    [
        (
            DamstraCreateUserOperator,
            {"user": {"employee_number": "E1011", "first_name": "Leo", "send_welcome_email": False}},
            ("/user/1011", {"firstName": "Leo", "lastName": "Murphy", "roles": [6]}),
        ),
        (
            DamstraCreateGroupOperator,
            {"name": "Pit Crew A", "description": "New"},
            ("/group/102", {"name": "Pit Crew A", "description": "New", "parentId": 101}),
        ),
    ],
)
def test_existing_object_is_updated_with_if_exists_update(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    shown: tuple[str, dict[str, Any]],
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
) -> None:
    def update() -> object:
        return run(kind(task_id="step", **arguments, if_exists="update")).value

    path, members = shown
    assert update() == update() == int(path.rpartition("/")[2])
    assert api.get_json(path).items() >= members.items()
    assert (
        len(damstra_emulator.journal(path=path, method="PUT"))
        + len(damstra_emulator.journal(path=path, method="POST"))
        == 1
    )


def test_groups_with_same_name_and_other_parent_are_different(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    first, second = (run(CREATE_GROUP.create_operator(tmp_path, parent_id=one)).value for one in (101, 105))
    assert first != second
    both = CREATE_GROUP.create_operator(tmp_path, parent_id=None)
    assert f"({first}, {second}): choose one with parent_id" in error_message(both, DamstraConflictError)


def test_existing_session_fails_with_if_exists_fail(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    session_id = run(CREATE_ILT_SESSION.create_operator(tmp_path)).value
    again = CREATE_ILT_SESSION.create_operator(tmp_path, if_exists="fail")
    assert f"exists already (id {session_id})" in error_message(again, DamstraConflictError)


def test_tasks_before_completed_session_can_be_cleared(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    session = CREATE_ILT_SESSION.create_operator(tmp_path)
    session_id = run(session).value
    register = {"ilt_session_id": session_id, "user_ids": [1021, 1022]}
    assert run(REGISTER.create_operator(tmp_path, **register)).value == [1021, 1022]
    api.send(f"/ilt_session/{session_id}/complete")
    damstra_emulator.clear_journal()
    assert run(CREATE_ILT_SESSION.create_operator(tmp_path)).value == session_id
    assert run(REGISTER.create_operator(tmp_path, **register)).value == []
    complete = DamstraCompleteIltSessionOperator(task_id="step", ilt_session_id=session_id)
    assert run(complete).value is False
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


def test_cancelled_session_is_created_again(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    cancelled = run(CREATE_ILT_SESSION.create_operator(tmp_path)).value
    run(DamstraCancelIltSessionOperator(task_id="step", ilt_session_id=cancelled))
    assert run(CREATE_ILT_SESSION.create_operator(tmp_path)).value == cancelled + 1


def test_completion_is_recorded_once_per_second(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    first = run(COMPLETE_LESSON.create_operator(tmp_path)).value
    same_second = run(
        COMPLETE_LESSON.create_operator(tmp_path, completed_date="2025-03-01T01:00:00.7Z")
    ).value
    later = run(COMPLETE_LESSON.create_operator(tmp_path, completed_date="2025-03-01T01:00:01Z")).value
    assert first == same_second
    assert later != first
    assert changes_in(damstra_emulator)["insert lesson_schedules"] == 2
