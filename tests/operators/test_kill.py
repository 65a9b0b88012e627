"""Killed tasks: by a signal during a request, or by an execution timeout; rollback."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from tests.operators.all_cases import CREATE_CASES
from tests.operators.lesson_session_cases import COMPLETE_LESSON, CREATE_ILT_SESSION, REGISTER
from tests.operators.operator_case import OperatorCase, SideEffects, changes_in
from tests.operators.task_runner import error_message, run
from tests.operators.user_group_cases import ADD_MEMBERS, CREATE_GROUP, CREATE_USER
from tests.operators.worker_process import WorkerProcess, freeze_during

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.operators.base import DamstraOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import BaselineFactory

ROLLBACKS = (
    (CREATE_USER, ("update users",)),
    (CREATE_GROUP, ("update groups",)),
    (ADD_MEMBERS, ("delete group_members",) * 2),
    (CREATE_ILT_SESSION, ("update ilt_sessions",) * 2),
    (REGISTER, ("delete ilt_attendees",) * 2),
)
CASES = [case for case, _ in ROLLBACKS]


def changing_request(recorded: BaselineFactory, case: OperatorCase) -> tuple[str, str]:
    """Return method and path of the one request with which a case changes something."""
    ((method, path),) = {
        (method, path) for method, path, _ in recorded(case).numbered_writes if method != "GET"
    }
    return method, path


@pytest.mark.parametrize(("case", "then"), ROLLBACKS, ids=str)
def test_cancel_on_kill_rolls_back_what_the_try_created(
    case: OperatorCase,
    then: tuple[str, ...],
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    method, path = changing_request(baseline, case)
    case.set_up(damstra_emulator, api)
    worker = WorkerProcess(case, tmp_path, damstra_emulator.connection_json, cancel_on_kill=True)
    with freeze_during(damstra_emulator, worker, method=method, path=path):
        assert worker.terminate() == 1
    assert changes_in(damstra_emulator) == Counter(case.changes) + Counter(then)


@pytest.mark.parametrize("case", [*CASES, COMPLETE_LESSON], ids=str)
def test_kill_without_rollback_keeps_what_was_created_and_stops(
    case: OperatorCase,
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    recorded = baseline(case)
    method, path = changing_request(baseline, case)
    case.set_up(damstra_emulator, api)
    worker = WorkerProcess(case, tmp_path, damstra_emulator.connection_json)
    with freeze_during(damstra_emulator, worker, method=method, path=path):
        assert worker.terminate() == 1
    assert SideEffects.of(damstra_emulator, api, case) == recorded.effects


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rollback_does_not_touch_existing_objects(
    case: OperatorCase, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    case.set_up(damstra_emulator, api)
    run(case.create_operator(tmp_path))
    damstra_emulator.clear_journal()
    operator = case.create_operator(tmp_path, cancel_on_kill=True)
    run(operator)
    operator.on_kill()
    assert changes_in(damstra_emulator) == Counter()


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
    act = operator._execute

    def act_too_long(context: object) -> None:
        act(context)  # type: ignore[arg-type]
        raise AirflowTaskTimeout

    monkeypatch.setattr(operator, "_execute", act_too_long)
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
    assert "CreateGroup (POST /group). None of it is undone; a retry looks first" in capsys.readouterr().out


def test_failed_rollback_is_logged(
    damstra_emulator: DamstraEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = CREATE_GROUP.create_operator(tmp_path, cancel_on_kill=True)
    run(operator)
    damstra_emulator.add_fault("status", status=503)
    operator.on_kill()
    assert "CreateGroup (POST /group) could not be undone, do it by hand: " in capsys.readouterr().out


@pytest.mark.parametrize("case", [*CREATE_CASES, REGISTER], ids=str)
def test_retry_after_killed_worker_creates_nothing_twice(
    case: OperatorCase,
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    recorded = baseline(case)
    for method, path, number in recorded.numbered_writes:
        case.set_up(damstra_emulator, api)
        worker = WorkerProcess(case, tmp_path, damstra_emulator.connection_json)
        with freeze_during(damstra_emulator, worker, method=method, path=path, number=number):
            worker.kill()
        outcome = run(case.create_operator(tmp_path))
        assert SideEffects.of(damstra_emulator, api, case) == recorded.effects
        if case in CREATE_CASES:
            assert outcome.value == case.expected_outcome(tmp_path).value


def test_worker_is_killed_after_the_request_was_handled(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    CREATE_USER.set_up(damstra_emulator, api)
    worker = WorkerProcess(CREATE_USER, tmp_path, damstra_emulator.connection_json)
    with freeze_during(damstra_emulator, worker, method="POST", path="/user"):
        worker.kill()
    assert sorted(changes_in(damstra_emulator)) == ["insert user_roles", "insert users"]
    assert run(CREATE_USER.create_operator(tmp_path)).value == CREATE_USER.result
    assert len(damstra_emulator.journal(method="POST")) == 1
