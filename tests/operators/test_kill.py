"""A task is killed as Airflow does it: by a signal, in the middle of a call, or when its time is up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

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

TAKEN_BACK = (
    (CREATE_USER, ("update users",)),
    (CREATE_GROUP, ("update groups",)),
    (ADD_MEMBERS, ("delete group_members",) * 2),
    (CREATE_ILT_SESSION, ("update ilt_sessions",) * 2),
    (REGISTER, ("delete ilt_attendees",) * 2),
)
CASES = [case for case, _ in TAKEN_BACK]


def changing_request(course: BaselineFactory, case: OperatorCase) -> tuple[str, str]:
    """Return method and path of the one request with which a case changes something."""
    ((method, path),) = {(method, path) for method, path, _ in course(case).turns if method != "GET"}
    return method, path


@pytest.mark.parametrize(("case", "then"), TAKEN_BACK, ids=str)
def test_what_a_killed_task_created_is_taken_back_if_asked(
    case: OperatorCase,
    then: tuple[str, ...],
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    method, path = changing_request(baseline, case)
    case.begin(damstra_emulator, api)
    worker = WorkerProcess(case, tmp_path, damstra_emulator.connection_json, cancel_on_kill=True)
    with freeze_during(damstra_emulator, worker, method=method, path=path):
        assert worker.terminate() == 1
    assert changes_in(damstra_emulator) == Counter(case.changes) + Counter(then)


@pytest.mark.parametrize("case", [*CASES, COMPLETE_LESSON], ids=str)
def test_otherwise_it_stays_and_the_task_goes_no_further(
    case: OperatorCase,
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    course = baseline(case)
    method, path = changing_request(baseline, case)
    case.begin(damstra_emulator, api)
    worker = WorkerProcess(case, tmp_path, damstra_emulator.connection_json)
    with freeze_during(damstra_emulator, worker, method=method, path=path):
        assert worker.terminate() == 1
    assert SideEffects.of(damstra_emulator, api, case) == course.trace


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_was_there_before_is_not_touched(
    case: OperatorCase, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    case.begin(damstra_emulator, api)
    run(case.make(tmp_path))
    damstra_emulator.clear_journal()
    operator = case.make(tmp_path, cancel_on_kill=True)
    run(operator)
    operator.on_kill()
    assert changes_in(damstra_emulator) == Counter()


@pytest.mark.parametrize(("status", "noted"), [(409, 0), (503, 1)])
def test_what_was_refused_is_not_this_tasks_to_take_back(
    status: int, noted: int, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    damstra_emulator.add_fault("status", status=status, method="POST", path="/group")
    operator = CREATE_GROUP.make(tmp_path, cancel_on_kill=True)
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


def test_an_execution_timeout_is_a_kill_too(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue(CREATE_ILT_SESSION.make(tmp_path, cancel_on_kill=True), monkeypatch)
    assert changes_in(damstra_emulator) == Counter({"insert ilt_sessions": 1, "update ilt_sessions": 2})


def test_the_log_says_what_was_sent_and_that_it_stays(
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overdue(CREATE_GROUP.make(tmp_path), monkeypatch)
    assert "CreateGroup (POST /group). None of it is undone; a retry looks first" in capsys.readouterr().out


def test_what_cannot_be_taken_back_is_said(
    damstra_emulator: DamstraEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = CREATE_GROUP.make(tmp_path, cancel_on_kill=True)
    run(operator)
    damstra_emulator.add_fault("status", status=503)
    operator.on_kill()
    assert "CreateGroup (POST /group) could not be undone, do it by hand: " in capsys.readouterr().out
