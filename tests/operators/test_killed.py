"""A worker is killed after Damstra has done what it asked, and before it has read the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.operators.case import Case, Trace, changes_in
from tests.operators.cases_people import CREATE_USER
from tests.operators.cases_training import REGISTER
from tests.operators.catalogue import CREATING
from tests.operators.running import run
from tests.operators.worker import Worker, frozen_at

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import Undisturbed


@pytest.mark.parametrize("case", [*CREATING, REGISTER], ids=str)
def test_the_next_attempt_creates_nothing_twice(
    case: Case, undisturbed: Undisturbed, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    course = undisturbed(case)
    for method, path, number in course.turns:
        case.begin(damstra_emulator, api)
        worker = Worker(case, tmp_path, damstra_emulator.connection_json)
        with frozen_at(damstra_emulator, worker, method=method, path=path, number=number):
            worker.kill()
        outcome = run(case.make(tmp_path))
        assert Trace.of(damstra_emulator, api, case) == course.trace
        if case in CREATING:
            assert outcome.value == case.expected(tmp_path).value


def test_the_worker_was_killed_after_the_user_was_created(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    CREATE_USER.begin(damstra_emulator, api)
    worker = Worker(CREATE_USER, tmp_path, damstra_emulator.connection_json)
    with frozen_at(damstra_emulator, worker, method="POST", path="/user"):
        worker.kill()
    assert sorted(changes_in(damstra_emulator)) == ["insert user_roles", "insert users"]
    assert run(CREATE_USER.make(tmp_path)).value == CREATE_USER.result
    assert len(damstra_emulator.journal(method="POST")) == 1
