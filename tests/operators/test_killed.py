"""A worker is killed after Damstra has done what it asked, and before it has read the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.operators.all_cases import CREATE_CASES
from tests.operators.lesson_session_cases import REGISTER
from tests.operators.operator_case import OperatorCase, SideEffects, changes_in
from tests.operators.task_runner import run
from tests.operators.user_group_cases import CREATE_USER
from tests.operators.worker_process import WorkerProcess, freeze_during

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import BaselineFactory


@pytest.mark.parametrize("case", [*CREATE_CASES, REGISTER], ids=str)
def test_the_next_attempt_creates_nothing_twice(
    case: OperatorCase,
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    course = baseline(case)
    for method, path, number in course.turns:
        case.begin(damstra_emulator, api)
        worker = WorkerProcess(case, tmp_path, damstra_emulator.connection_json)
        with freeze_during(damstra_emulator, worker, method=method, path=path, number=number):
            worker.kill()
        outcome = run(case.make(tmp_path))
        assert SideEffects.of(damstra_emulator, api, case) == course.trace
        if case in CREATE_CASES:
            assert outcome.value == case.expected(tmp_path).value


def test_the_worker_was_killed_after_the_user_was_created(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    CREATE_USER.begin(damstra_emulator, api)
    worker = WorkerProcess(CREATE_USER, tmp_path, damstra_emulator.connection_json)
    with freeze_during(damstra_emulator, worker, method="POST", path="/user"):
        worker.kill()
    assert sorted(changes_in(damstra_emulator)) == ["insert user_roles", "insert users"]
    assert run(CREATE_USER.make(tmp_path)).value == CREATE_USER.result
    assert len(damstra_emulator.journal(method="POST")) == 1
