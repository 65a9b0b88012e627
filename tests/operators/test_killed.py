"""A worker is killed after Damstra has done what it asked, and before it has read the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.clock import until
from tests.emulator.control import control
from tests.operators.case import Case, Trace, changes_in
from tests.operators.cases_people import CREATE_GROUP, CREATE_USER, UPSERT_USERS
from tests.operators.cases_training import COMPLETE_LESSON, CREATE_ILT_SESSION, REGISTER, SCHEDULE_LESSONS
from tests.operators.faults import strike
from tests.operators.running import run
from tests.operators.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.http import Api
    from tests.operators.conftest import Undisturbed

SLOWLY: dict[str, Any] = {"kind": "delay", "delay": 0.25}
CREATING = (CREATE_USER, UPSERT_USERS, CREATE_GROUP, SCHEDULE_LESSONS, COMPLETE_LESSON, CREATE_ILT_SESSION)


def kill_a_worker_at(
    emulator: DamstraEmulator, case: Case, folder: Path, *, method: str, path: str, number: int
) -> None:
    """Run the case in a process, and kill it between the handling of a request and its answer."""

    def is_at_it() -> bool:
        (fault,) = control(emulator, "GET", "/faults").json()
        return bool(fault["hits"])

    strike(emulator, SLOWLY, method=method, path=path, number=number)
    worker = Worker(case, folder, emulator.connection_json)
    with worker.running():
        until(is_at_it, "the request is sent")
        before = len(emulator.journal(method=method, path=path))
        worker.freeze()
        until(lambda: len(emulator.journal(method=method, path=path)) > before, "the request is handled")
        worker.kill()
    emulator.clear_faults()


@pytest.mark.parametrize("case", [*CREATING, REGISTER], ids=str)
def test_the_next_attempt_creates_nothing_twice(
    case: Case, undisturbed: Undisturbed, damstra_emulator: DamstraEmulator, api: Api, tmp_path: Path
) -> None:
    course = undisturbed(case)
    for method, path, number in course.turns:
        case.begin(damstra_emulator, api)
        kill_a_worker_at(damstra_emulator, case, tmp_path, method=method, path=path, number=number)
        outcome = run(case.make(tmp_path))
        assert Trace.of(damstra_emulator, api, case) == course.trace
        if case in CREATING:
            assert outcome.value == case.expected(tmp_path).value


def test_the_worker_was_killed_after_the_user_was_created(
    damstra_emulator: DamstraEmulator, api: Api, tmp_path: Path
) -> None:
    CREATE_USER.begin(damstra_emulator, api)
    kill_a_worker_at(damstra_emulator, CREATE_USER, tmp_path, method="POST", path="/user", number=1)
    assert sorted(changes_in(damstra_emulator)) == ["insert user_roles", "insert users"]
    assert run(CREATE_USER.make(tmp_path)).value == CREATE_USER.result
    assert len(damstra_emulator.journal(method="POST")) == 1
