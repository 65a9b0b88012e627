"""A retry recognises what an earlier try of the task did, and returns it as its own work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.errors import DamstraConflictError, DamstraRateLimitError
from airflow_provider_damstra.models.user import ClientStatus
from airflow_provider_damstra.operators import group, ilt_session, user
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from tests.operators.faults import FAULTS
from tests.operators.lesson_session_cases import CREATE_ILT_SESSION, NEW_SCHEDULE, NEW_SESSION
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import StateStore, error_message, run
from tests.operators.user_group_cases import (
    ADA,
    CREATE_GROUP,
    MEMBERS_OF_102,
    NEW_GROUP,
    NEW_USER,
    REACTIVATE_USER,
    REACTIVATE_USERS,
    WAYNES_ID,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.operators.base import DamstraOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory

CREW, SESSION = {"group_id": 102}, {"ilt_session_id": 403}
STRICT = {"strict": True}
FAIL = {"if_exists": "fail"}
STEPS: list[tuple[type[DamstraOperator], dict[str, Any], Any]] = [
    (user.DamstraActivateUserOperator, {"user_id": 1038, **STRICT}, True),
    (user.DamstraInactivateUserOperator, {"user_id": 1011, **STRICT}, True),
    (user.DamstraUpdateUserOperator, {"user_id": 1011, "changes": {"first_name": "Leo"}}, True),
    (user.DamstraCreateUserOperator, {"user": ADA, **FAIL}, NEW_USER),
    (user.DamstraCreateUserOperator, {**REACTIVATE_USER.arguments}, WAYNES_ID),
    (user.DamstraUpsertUsersOperator, {**REACTIVATE_USERS.arguments}, REACTIVATE_USERS.result),
    (group.DamstraInactivateGroupOperator, {"group_id": 107, **STRICT}, True),
    (group.DamstraUpdateGroupOperator, {"group_id": 103, "description": "By night"}, True),
    (group.DamstraCreateGroupOperator, {**CREATE_GROUP.arguments, **FAIL}, NEW_GROUP),
    (group.DamstraAddGroupMembersOperator, {**CREW, "user_ids": [1013, 1012], **STRICT}, [1013, 1012]),
    (group.DamstraRemoveGroupMembersOperator, {**CREW, "user_ids": [1011, 1016], **STRICT}, [1011, 1016]),
    (group.DamstraAddGroupSupervisorsOperator, {**CREW, "user_ids": [1006], **STRICT}, [1006]),
    (group.DamstraRemoveGroupSupervisorsOperator, {**CREW, "user_ids": [1005], **STRICT}, [1005]),
    (
        group.DamstraSyncGroupMembersOperator,
        {**CREW, "user_ids": [1012]},
        {"added": [1012], "removed": MEMBERS_OF_102},
    ),
    (
        group.DamstraSyncGroupMembersOperator,
        {**CREW, "user_ids": [], "allow_empty": True},
        {"added": [], "removed": MEMBERS_OF_102},
    ),
    (ilt_session.DamstraCreateIltSessionOperator, {**CREATE_ILT_SESSION.arguments, **FAIL}, NEW_SESSION),
    (ilt_session.DamstraUpdateIltSessionOperator, {**SESSION, "notes": "Bring a hat"}, True),
    (ilt_session.DamstraRegisterIltSessionUsersOperator, {**SESSION, "user_ids": [1021], **STRICT}, [1021]),
    (ilt_session.DamstraDeregisterIltSessionUsersOperator, {**SESSION, "user_ids": [1019], **STRICT}, [1019]),
    (ilt_session.DamstraSaveIltSessionProgressOperator, {"ilt_session_id": 402, "user_ids": [1015, 1017]}, 2),
    (ilt_session.DamstraCompleteIltSessionOperator, {"ilt_session_id": 402, **STRICT}, True),
    (ilt_session.DamstraCancelIltSessionOperator, {**SESSION, **STRICT}, True),
    (
        DamstraScheduleLessonsOperator,
        {"user_ids": 1011, "lesson_ids": 204, **FAIL},
        [{"user_id": 1011, "lesson_schedule_ids": [NEW_SCHEDULE]}],
    ),
]


class Killed(BaseException):
    """Raised in place of the death of the worker."""


def kill_after_first_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the worker after Damstra has processed a write, before the response arrives."""
    original_call = Client.call

    def call(client: Client, endpoint: Endpoint[Any]) -> Any:
        result: Any = original_call(client, endpoint)
        if endpoint.method != "GET":
            raise Killed
        return result

    monkeypatch.setattr(Client, "call", call)


def run_try(kind: type[DamstraOperator], arguments: dict[str, Any], store: StateStore) -> Any:
    return run(kind(task_id="step", **arguments), task_state_store=store).value


def run_killed_try(kind: type[DamstraOperator], arguments: dict[str, Any], store: StateStore) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        kill_after_first_write(monkeypatch)
        with pytest.raises(Killed):
            run_try(kind, arguments, store)


@pytest.mark.parametrize(("kind", "arguments", "result"), STEPS, ids=lambda one: getattr(one, "__name__", ""))
def test_retry_after_kill_returns_result_of_uninterrupted_run(
    kind: type[DamstraOperator], arguments: dict[str, Any], result: Any, damstra_emulator: DamstraEmulator
) -> None:
    store = StateStore()
    run_killed_try(kind, arguments, store)
    assert changes_in(damstra_emulator) != {}
    assert run_try(kind, arguments, store) == result
    before = changes_in(damstra_emulator)
    assert run_try(kind, arguments, store) == result
    assert changes_in(damstra_emulator) == before


@pytest.mark.parametrize(
    "step", [one for one in STEPS if {"strict", "if_exists"} & one[1].keys()], ids=lambda one: one[0].__name__
)
def test_changes_of_another_task_are_conflicts(
    step: tuple[type[DamstraOperator], dict[str, Any], Any], damstra_emulator: DamstraEmulator
) -> None:
    kind, arguments, _ = step
    run_try(kind, arguments, StateStore())
    assert "already" in error_message(kind(task_id="step", **arguments), DamstraConflictError)


def test_changes_of_another_task_after_refused_request_are_conflicts(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    store = StateStore()
    arguments: dict[str, Any] = {**CREW, "user_ids": [1012], **STRICT}
    operator = group.DamstraAddGroupMembersOperator(task_id="step", **arguments)
    damstra_emulator.add_fault(**FAULTS["429"], method="POST", count=1)
    with pytest.raises(DamstraRateLimitError):
        run(operator, task_state_store=store)
    run_try(type(operator), arguments, StateStore())
    with pytest.raises(AirflowFailException, match="are in it already"):
        run_try(type(operator), arguments, store)


def test_update_whose_resent_request_is_refused_counts_as_own_change(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 1})
    store = StateStore()
    arguments: dict[str, Any] = {"user_id": 1011, "changes": {"first_name": "Leo"}}
    damstra_emulator.add_fault(**FAULTS["handled, no response"], method="PUT", count=1)
    damstra_emulator.add_fault(**FAULTS["429"], method="PUT", count=1)
    with pytest.raises(DamstraRateLimitError):
        run_try(user.DamstraUpdateUserOperator, arguments, store)
    assert run_try(user.DamstraUpdateUserOperator, arguments, store) is True


def test_intent_log_contains_no_personal_data(damstra_emulator: DamstraEmulator) -> None:
    store = StateStore()
    run_try(user.DamstraCreateUserOperator, {"user": ADA}, store)
    kept = str(store)
    assert "CreateUser" in kept
    assert [value for value in ADA.values() if value in kept] == []


def test_retry_activates_user_that_killed_try_rolled_back(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    store = StateStore()
    arguments: dict[str, Any] = {"user": ADA, "cancel_on_kill": True}
    operator = user.DamstraCreateUserOperator(task_id="step", **arguments)
    run(operator, task_state_store=store)
    operator.on_kill()
    assert api.get_json(f"/user/{NEW_USER}")["clientStatusId"] == ClientStatus.NOT_CURRENT
    assert run_try(user.DamstraCreateUserOperator, arguments, store) == NEW_USER
    assert api.get_json(f"/user/{NEW_USER}")["clientStatusId"] == ClientStatus.ACTIVE
    # A member who has left since then is not added again when the task is cleared.
    run_try(user.DamstraInactivateUserOperator, {"user_id": NEW_USER}, StateStore())
    assert run_try(user.DamstraCreateUserOperator, arguments, store) == NEW_USER
    assert api.get_json(f"/user/{NEW_USER}")["clientStatusId"] == ClientStatus.NOT_CURRENT


def test_retry_does_not_activate_user_inactivated_elsewhere(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    store = StateStore()
    arguments: dict[str, Any] = {"user": ADA, "cancel_on_kill": True}
    run_try(user.DamstraCreateUserOperator, arguments, store)
    run_try(user.DamstraInactivateUserOperator, {"user_id": NEW_USER}, StateStore())
    assert run_try(user.DamstraCreateUserOperator, arguments, store) == NEW_USER
    assert api.get_json(f"/user/{NEW_USER}")["clientStatusId"] == ClientStatus.NOT_CURRENT
