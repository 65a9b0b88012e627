"""Files on a local disk: only their owner may read them, and no other user can redirect them."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.lesson import (
    DamstraDownloadCertificateOperator,
    DamstraGetEmbedUrlOperator,
)
from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator
from airflow_provider_damstra.operators.user import (
    DamstraGenerateLoginUrlOperator,
    DamstraUpsertUsersOperator,
)
from airflow_provider_damstra.storage import StoragePath
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from tests.emulator.api_client import PIT_CREW_A
from tests.operators.lesson_session_cases import COMPLETED_SCHEDULE, DUE_SCHEDULE
from tests.operators.task_runner import run
from tests.transfers.page_hook import call_after_pages
from tests.transfers.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk import BaseOperator

    from airflow_provider_damstra.storage import TaskTry
    from airflow_provider_damstra.testing import DamstraEmulator

# Each takes the path of its file as the argument of this name.
OPERATORS: dict[str, Callable[..., BaseOperator]] = {
    "path of a login URL": partial(DamstraGenerateLoginUrlOperator, user_id=1011),
    "path of an embed URL": partial(DamstraGetEmbedUrlOperator, lesson_schedule_id=DUE_SCHEDULE),
    "path of a certificate": partial(
        DamstraDownloadCertificateOperator, lesson_schedule_id=COMPLETED_SCHEDULE
    ),
    "path of a secret in clear": partial(
        DamstraCallOperator, endpoint="GenerateLoginUrl", arguments={"user_id": 1011}, return_in_clear=True
    ),
    "result_path": partial(
        DamstraUpsertUsersOperator, users=[{"employee_number": "E1", "first_name": "A", "last_name": "B"}]
    ),
    "plan_path": partial(
        DamstraSyncUsersOperator,
        users=[{"employee_number": "E1", "first_name": "A", "last_name": "B"}],
        scope="all",
        dry_run=True,
        max_inactivations=None,
    ),
    "target_path of an export": partial(DamstraExportOperator, resource="users", file_format="csv"),
    "target_path of an incremental export": partial(
        DamstraExportOperator, resource="users", incremental=True, find_deleted=True
    ),
    "target_path of a matrix": partial(DamstraTrainingMatrixOperator, group_id=PIT_CREW_A),
    "target_path of training statuses": partial(
        DamstraTrainingStatusOperator, requirements=[{"lessons": [201], "groups": [PIT_CREW_A]}]
    ),
}
each_operator = pytest.mark.parametrize("name", OPERATORS)


@pytest.fixture(autouse=True)
def _permissive_umask() -> Iterator[None]:
    previous = os.umask(0)
    yield
    os.umask(previous)


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the state of incremental exports in Variables: not every version of Airflow has asset stores."""
    Variables().install(monkeypatch)


def execute(name: str, path: Path) -> TaskTry:
    """Run an operator, and return its task try."""
    operator: Any = OPERATORS[name](task_id="step", **{name.split()[0]: str(path)})
    run(operator)
    task_try: TaskTry = operator.task_try
    return task_try


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}


@each_operator
def test_file_is_private_to_its_owner(name: str, damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    execute(name, tmp_path / "result")
    found = modes(tmp_path)
    assert found["result"] == 0o600
    assert set(found.values()) == {0o600}


@each_operator
def test_planted_link_and_file_are_not_written_through(
    name: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    result, victim = tmp_path / "result", tmp_path / "victim"
    temporary = Path(execute(name, result).temporary_path(StoragePath(str(result))).path)
    victim.write_bytes(b"untouched")
    result.unlink()
    for planted in (result, temporary):
        planted.symlink_to(victim)
    execute(name, result)
    assert victim.read_bytes() == b"untouched"
    assert not result.is_symlink()
    assert result.stat().st_size > 0

    temporary.touch()
    with temporary.open("rb") as opened_by_another_user:
        execute(name, result)
        assert opened_by_another_user.read() == b""


def test_checkpoint_is_private_while_the_export_runs(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = f"/group/{PIT_CREW_A}/member", {}
    call_after_pages(1, lambda: found.update(modes(tmp_path)), monkeypatch, path=path)
    run(
        DamstraExportOperator(
            task_id="step",
            resource="group_members",
            parent_ids=[101, PIT_CREW_A],
            max_concurrency=1,
            target_path=str(tmp_path / "result"),
        )
    )
    (folder,) = (name for name in found if name.endswith(".checkpoint"))
    assert found.pop(folder) == 0o700
    assert {name.rpartition(".")[2] for name in found} >= {"json", "writer"}
    assert set(found.values()) == {0o600}
