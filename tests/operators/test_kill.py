"""Killed tasks: by a signal during a request, or by an execution timeout; rollback."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from tests.operators.all_cases import CREATE_CASES
from tests.operators.lesson_session_cases import COMPLETE_LESSON, CREATE_ILT_SESSION, REGISTER
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, run
from tests.operators.user_group_cases import ADD_MEMBERS, CREATE_GROUP, CREATE_USER, REACTIVATE_USER
from tests.operators.worker_process import WorkerProcess, freeze_during

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.operators.base import DamstraOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import Scenario

ROLLBACKS = (
    (CREATE_USER, ("update users",)),
    (REACTIVATE_USER, ("update users",)),
    (CREATE_GROUP, ("update groups",)),
    (ADD_MEMBERS, ("delete group_members",) * 2),
    (CREATE_ILT_SESSION, ("update ilt_sessions",) * 2),
    (REGISTER, ("delete ilt_attendees",) * 2),
)
CASES = [case for case, _ in ROLLBACKS]


def path_of_write(scenario: Scenario) -> dict[str, Any]:
    """Return method and path of the one request with which a case changes something."""
    ((method, path),) = {(method, path) for method, path, _ in scenario.recorded.numbered_writes}
    return {"method": method, "path": path}


def start_worker(scenario: Scenario, **options: bool) -> WorkerProcess:
    return WorkerProcess(scenario.case, scenario.folder, scenario.emulator.connection_json, **options)


@pytest.mark.parametrize(("case", "rollback"), ROLLBACKS, ids=str)
def test_cancel_on_kill_rolls_back_what_the_try_created(
    rollback: tuple[str, ...], scenario: Scenario
) -> None:
    worker = start_worker(scenario, cancel_on_kill=True)
    with freeze_during(scenario.emulator, worker, **path_of_write(scenario)):
        assert worker.terminate() == 1
    assert scenario.effects().changes == Counter(scenario.case.changes) + Counter(rollback)


@pytest.mark.parametrize("case", [*CASES, COMPLETE_LESSON], ids=str)
def test_kill_without_rollback_keeps_what_was_created_and_stops(scenario: Scenario) -> None:
    worker = start_worker(scenario)
    with freeze_during(scenario.emulator, worker, **path_of_write(scenario)):
        assert worker.terminate() == 1
    assert scenario.effects() == scenario.recorded.effects


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rollback_does_not_touch_existing_objects(scenario: Scenario) -> None:
    scenario.run()
    scenario.emulator.clear_journal()
    operator = scenario.operator(cancel_on_kill=True)
    run(operator)
    operator.on_kill()
    assert scenario.effects().changes == Counter()


@pytest.mark.parametrize(("status", "noted"), [(409, 0), (503, 1)])
def test_refused_request_is_not_rolled_back(
    status: int, noted: int, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    damstra_emulator.add_fault("status", status=status, method="POST", path="/group")
    operator = CREATE_GROUP.create_operator(tmp_path, cancel_on_kill=True)
    error_message(operator)
    assert len(operator.client.sent) == noted


def overdue(operator: DamstraOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run an operator whose ``execution_timeout`` is over once it has done its work."""
    execute = operator._execute

    def execute_and_time_out(context: object) -> None:
        execute(context)  # type: ignore[arg-type]
        raise AirflowTaskTimeout

    monkeypatch.setattr(operator, "_execute", execute_and_time_out)
    with pytest.raises(AirflowTaskTimeout):
        run(operator)
    operator.on_kill()


def test_execution_timeout_is_handled_as_kill(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue(CREATE_ILT_SESSION.create_operator(tmp_path, cancel_on_kill=True), monkeypatch)
    assert changes_in(damstra_emulator) == Counter({"insert ilt_sessions": 1, "update ilt_sessions": 2})


def test_kill_logs_sent_requests(
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overdue(CREATE_GROUP.create_operator(tmp_path), monkeypatch)
    assert (
        "CreateGroup (POST /group). None of it is undone; a retry checks the current state first"
        in capsys.readouterr().out
    )


def test_failed_rollback_is_logged(
    damstra_emulator: DamstraEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = CREATE_GROUP.create_operator(tmp_path, cancel_on_kill=True)
    run(operator)
    damstra_emulator.add_fault("status", status=503)
    operator.on_kill()
    assert "CreateGroup (POST /group) could not be undone, undo it manually: " in capsys.readouterr().out


@pytest.mark.parametrize("case", [*CREATE_CASES, REGISTER], ids=str)
def test_retry_after_killed_worker_creates_nothing_twice(scenario: Scenario) -> None:
    for method, path, number in scenario.recorded.numbered_writes:
        scenario.set_up()
        worker = start_worker(scenario)
        with freeze_during(scenario.emulator, worker, method=method, path=path, number=number):
            worker.kill()
        outcome = scenario.run()
        assert scenario.effects() == scenario.recorded.effects
        if scenario.case in CREATE_CASES:
            assert outcome.value == scenario.expected.value


@pytest.mark.parametrize("case", [CREATE_USER], ids=str)
def test_worker_is_killed_after_the_request_was_handled(scenario: Scenario) -> None:
    worker = start_worker(scenario)
    with freeze_during(scenario.emulator, worker, method="POST", path="/user"):
        worker.kill()
    assert sorted(scenario.effects().changes) == ["insert user_roles", "insert users"]
    assert scenario.run().value == CREATE_USER.result
    assert len(scenario.emulator.journal(method="POST")) == 1
