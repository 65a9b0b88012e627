"""XComs that say what a task created, added or reactivated, and what existed before; also after a kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.operators.base import FILE_XCOM_KEYS
from airflow_provider_damstra.operators.user import DamstraCreateUserOperator, DamstraUpsertUsersOperator
from tests.operators.all_cases import CASES, CREATE_CASES
from tests.operators.lesson_session_cases import REGISTER
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import Outcome, StateStore, error_message, fail_fast_message, run
from tests.operators.test_retry_after_kill import run_killed_try
from tests.operators.user_group_cases import (
    ADA,
    ADD_MEMBERS,
    NEW_USER,
    REACTIVATE_USER,
    REACTIVATE_USERS,
    WAYNE,
    WAYNES_ID,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.operator_case import OperatorCase, Scenario

REPORTING_CASES = [*CREATE_CASES, ADD_MEMBERS, REGISTER, REACTIVATE_USER, REACTIVATE_USERS]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_xcoms_are_declared(case: OperatorCase, scenario: Scenario) -> None:
    declared = set(case.operator.xcom_keys)
    xcoms = set(scenario.run().xcoms)
    assert declared - set(FILE_XCOM_KEYS) <= xcoms <= declared


@pytest.mark.parametrize("case", REPORTING_CASES, ids=str)
def test_retry_after_kill_reports_what_an_uninterrupted_run_reports(scenario: Scenario) -> None:
    store = StateStore()
    run_killed_try(scenario.case.operator, dict(scenario.case.arguments), store)
    assert run(scenario.operator(), task_state_store=store) == scenario.expected
    assert run(scenario.operator(), task_state_store=store) == scenario.expected


def test_retry_after_kill_during_activation_reports_reactivated(damstra_emulator: DamstraEmulator) -> None:
    store = StateStore()
    arguments: dict[str, Any] = {"users": [WAYNE], "reactivate": True}
    run_killed_try(DamstraUpsertUsersOperator, arguments, store)
    outcome = run(upsert(**arguments), task_state_store=store)
    assert (outcome.xcoms["reactivated"], outcome.xcoms["inactive"]) == ([WAYNES_ID], [])
    assert changes_in(damstra_emulator) == {"update users": 1}


@pytest.mark.parametrize("case", REPORTING_CASES, ids=str)
def test_another_task_reports_existing(scenario: Scenario) -> None:
    scenario.run()
    again = scenario.run().xcoms
    assert [key for key in ("created", "added", "updated", "reactivated") if again.get(key)] == []
    assert again.get("existing", again.get("unchanged"))


def upsert(**arguments: Any) -> DamstraUpsertUsersOperator:
    return DamstraUpsertUsersOperator(task_id="step", **arguments)


def create(**arguments: Any) -> DamstraCreateUserOperator:
    return DamstraCreateUserOperator(task_id="step", **arguments)


def is_active(api: ApiClient, user_id: int) -> bool:
    return bool(api.get_json(f"/user/{user_id}")["clientStatusId"] == 56)


def test_upsert_without_reactivate_reports_inactive_users(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = run(upsert(users=[WAYNE, ADA]))
    assert (outcome.xcoms["inactive"], outcome.xcoms["reactivated"]) == ([WAYNES_ID], [])
    assert "Users [1038] are inactive; reactivate=True activates them." in caplog.messages
    assert not is_active(api, WAYNES_ID)
    counted = run(upsert(users=[WAYNE, ADA], result_path=str(tmp_path / "result.jsonl")))
    assert counted.xcoms["inactive"] == 1
    first, second = (tmp_path / "result.jsonl").read_text().splitlines()
    assert first == '{"user_id": 1038, "outcome": "unchanged", "inactive": true}'
    assert '"inactive": false' in second


def test_upsert_activates_only_after_the_import(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    damstra_emulator.add_fault("status", status=400, path="/bulkUserImport", body={"error": "Bad Request"})
    fail_fast_message(upsert(users=[{**WAYNE, "first_name": "Wes"}], reactivate=True))
    assert not is_active(api, WAYNES_ID)


@pytest.mark.parametrize("if_exists", ["return", "update"])
def test_create_user_reports_or_activates_inactive_user(
    if_exists: str, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    arguments: dict[str, Any] = {"user": {**WAYNE, "first_name": "Wes"}, "if_exists": if_exists}
    flags: dict[str, bool] = {"created": False, "existing": True}
    kept = run(create(**arguments))
    assert kept == Outcome(WAYNES_ID, {**flags, "reactivated": False, "inactive": True})
    active = run(create(**arguments, reactivate=True))
    assert active == Outcome(WAYNES_ID, {**flags, "reactivated": True, "inactive": False})
    assert is_active(api, WAYNES_ID)
    assert (api.get_json(f"/user/{WAYNES_ID}")["firstName"] == "Wes") == (if_exists == "update")


def test_if_exists_fail_reports_that_user_is_inactive(damstra_emulator: DamstraEmulator) -> None:
    assert "exists already (id 1038) and is inactive." in error_message(create(user=WAYNE, if_exists="fail"))


@pytest.mark.parametrize(("user", "user_id"), [(ADA, NEW_USER), (WAYNE, WAYNES_ID)], ids=["new", "returns"])
def test_each_kill_is_rolled_back_and_each_retry_activates_again(
    user: dict[str, str], user_id: int, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    store = StateStore()
    for _ in range(3):
        operator = create(user=user, reactivate=user is WAYNE, cancel_on_kill=True)
        outcome = run(operator, task_state_store=store)
        assert is_active(api, user_id)
        assert (outcome.xcoms["created"], outcome.xcoms["reactivated"]) == (user is ADA, user is WAYNE)
        operator.on_kill()
        assert not is_active(api, user_id)
