"""An export whose process is killed at half goes on where it was: every row once, hardly a page twice."""

from __future__ import annotations

import json
import signal
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import AddGroupMembers, RemoveGroupMembers
from airflow_provider_damstra.exports import checkpoint
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.storage import StoragePath
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.operators.task_runner import StateStore, run
from tests.transfers.exporting import exporting, kill, send
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

WORKERS = 4
CREW = 102


def asked(emulator: DamstraEmulator) -> Counter[str]:
    """Return how often each page was asked for."""
    return Counter(f"{entry['path']} from row {entry['query']['startIndex']}" for entry in emulator.journal())


def killed_at(
    emulator: DamstraEmulator,
    pages: int,
    *,
    number: int = 1,
    run_id: str = "",
    delay: float = 0.01,
    **arguments: Any,
) -> None:
    """Run an attempt that is killed when so many pages have been asked for, by this and earlier ones.

    :param delay: seconds that a page takes.
    """
    emulator.add_fault("delay", delay=delay)
    with exporting(emulator.connection_json, attempt=(number, 2), run_id=run_id, **arguments) as process:
        wait_until(lambda: len(emulator.journal()) >= pages, "enough pages have come")
        kill(process)
    emulator.clear_faults()


@pytest.mark.parametrize(
    ("resource", "file_format", "compression", "page_size"),
    [
        ("lesson_schedules", "jsonl", None, 100),
        ("group_members", "csv", "gzip", 3),
        ("lesson_schedules", "parquet", "zstd", 3),
    ],
)
def test_every_row_comes_once_and_hardly_a_page_twice(
    resource: str,
    file_format: str,
    compression: str | None,
    page_size: int,
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
) -> None:
    arguments: dict[str, Any] = {
        "resource": resource,
        "file_format": file_format,
        "compression": compression,
        "max_concurrency": WORKERS,
        "page_size": page_size,
    }
    undisturbed = DamstraExportOperator(task_id="export", target_path=f"{tmp_path}/undisturbed", **arguments)
    whole = run(undisturbed).value
    pages = asked(damstra_emulator)
    damstra_emulator.clear_journal()

    path = tmp_path / "lake" / "killed"
    killed_at(damstra_emulator, pages.total() // 2, target_path=str(path), **arguments)
    assert [child.name[:8] for child in path.parent.iterdir() if child.name.endswith(".checkpoint")] == [
        ".killed."
    ]
    assert not path.exists()
    at_half = asked(damstra_emulator)
    assert pages.total() // 2 <= at_half.total() < pages.total()

    retry = DamstraExportOperator(task_id="export", target_path=str(path), **arguments)
    result = run(retry, try_number=2, max_tries=1).value
    assert result == {**whole, "uri": str(path)}
    assert path.read_bytes() == (tmp_path / "undisturbed").read_bytes()
    assert list(path.parent.iterdir()) == [path]
    # Each worker had one page under way.
    again = asked(damstra_emulator) - pages
    assert again.total() <= WORKERS


@pytest.mark.parametrize("moves", [False, True])
def test_a_long_listing_goes_on_where_it_was_unless_its_rows_have_moved(
    moves: bool, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    everybody = range(1002, 1038)
    hook = DamstraHook()
    hook.call(AddGroupMembers(group_id=CREW, user_ids=tuple(everybody)))
    path = tmp_path / "members.jsonl"
    arguments: dict[str, Any] = {"resource": "group_members", "parent_ids": [CREW], "page_size": 3}
    arguments["target_path"] = str(path)
    damstra_emulator.clear_journal()
    killed_at(damstra_emulator, 6, delay=0.03, **arguments)
    killed_at(damstra_emulator, 10, delay=0.03, number=2, **arguments)
    before = asked(damstra_emulator)
    if moves:
        hook.call(RemoveGroupMembers(group_id=CREW, user_ids=(1002,)))
        damstra_emulator.clear_journal()
    run(DamstraExportOperator(task_id="export", **arguments), try_number=3, max_tries=2)
    found = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert sorted(found) == list(everybody)[int(moves) :]
    first = f"/group/{CREW}/member from row 0"
    assert asked(damstra_emulator)[first] == 1
    if not moves:
        assert sum(times - 1 for times in asked(damstra_emulator).values()) <= 2
        assert before[first] == 1


def test_a_second_kill_loses_nothing_either(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    arguments["target_path"] = str(path)
    killed_at(damstra_emulator, 20, **arguments)
    killed_at(damstra_emulator, 40, number=2, **arguments)
    result = run(DamstraExportOperator(task_id="export", **arguments), try_number=3, max_tries=2).value
    ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == result["rows"]
    assert sum(times - 1 for times in asked(damstra_emulator).values()) <= 2 * WORKERS


def test_a_retry_finds_what_is_kept_although_the_target_has_another_name(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": 1}
    store = StateStore()
    damstra_emulator.add_fault("status", path="/user/1030/lesson_schedule", status=400)
    with pytest.raises(Exception, match="1030"):
        run(
            DamstraExportOperator(task_id="export", target_path=f"{tmp_path}/first", **arguments),
            max_tries=1,
            task_state_store=store,
        )
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    again = DamstraExportOperator(task_id="export", target_path=f"{tmp_path}/second", **arguments)
    run(again, try_number=2, max_tries=1, task_state_store=store)
    assert damstra_emulator.journal("GET", "/user/1011/lesson_schedule") == []
    assert [path.name for path in tmp_path.iterdir()] == ["second"]


@pytest.mark.parametrize("changes", [{"filters": {"status": "due"}}, {"parent_filters": {"q": "a"}}], ids=str)
def test_other_arguments_start_clean(
    changes: dict[str, Any], damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "target_path": str(tmp_path / "x")}
    killed_at(damstra_emulator, 30, **arguments, max_concurrency=WORKERS)
    damstra_emulator.clear_journal()
    run(DamstraExportOperator(task_id="export", **arguments, **changes), try_number=2, max_tries=1)
    assert damstra_emulator.journal("GET", "/user") != []
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_an_attempt_that_was_taken_for_dead_leaves_its_successor_alone(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "lake" / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    arguments["target_path"] = str(path)
    connection = damstra_emulator.connection_json
    damstra_emulator.add_fault("delay", delay=0.02)
    # Somebody clears the task: to the first attempt it looks as if no other came.
    with exporting(connection, attempt=(1, 0), **arguments) as first:
        wait_until(lambda: len(damstra_emulator.journal()) >= 20, "the first has begun")
        send(first, signal.SIGSTOP)
        with exporting(connection, attempt=(2, 1), **arguments) as second:
            wait_until(
                lambda: len(list(path.parent.glob(".*.checkpoint/*.writer"))) == 2, "the second has begun"
            )
            send(second, signal.SIGSTOP)
            send(first, signal.SIGCONT)
            wait_until(lambda: first.exitcode is not None, "the first is at its end")
            assert len(list(path.parent.glob(".*.checkpoint/*.writer"))) == 2
            send(second, signal.SIGCONT)
            wait_until(lambda: second.exitcode == 0, "the second has exported")
    ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) > 0
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_last_attempt_left_goes_when_a_later_run_begins(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    killed_at(damstra_emulator, 20, number=3, run_id="monday", target_path=f"{tmp_path}/monday", **arguments)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rpartition(".")[2] for name in left] == ["unfinished", "checkpoint"]

    def beside_after(run_id: str, monday_is: str, *, task_id: str = "export") -> list[str]:
        """Return what is beside the targets after an export in another DAG run."""
        export = DamstraExportOperator(task_id=task_id, target_path=f"{tmp_path}/{run_id}", **arguments)
        run(export, run_id=run_id, states={"monday": monday_is})
        return sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))

    assert beside_after("tuesday", "failed") == left
    monkeypatch.setattr(checkpoint, "CHECKPOINT_MAX_AGE", timedelta())
    assert beside_after("wednesday", "running") == left
    assert beside_after("thursday", "failed", task_id="another") == left
    assert beside_after("friday", "failed") == []


def test_what_a_mapped_task_of_a_dag_run_that_is_gone_left_goes_too(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": [1012, 1014]}
    owner = {"dag_id": "adhoc_airflow", "task_id": "export", "map_index": 7, "run_id": "deleted"}
    folder = tmp_path / ".deleted.0123456789ab.checkpoint"
    checkpoint.Checkpoint(StoragePath(str(folder)), fingerprint="", can_append=True, owner=owner)
    monkeypatch.setattr(checkpoint, "CHECKPOINT_MAX_AGE", timedelta())
    export = DamstraExportOperator(task_id="export", target_path=f"{tmp_path}/new", **arguments)
    run(export, run_id="new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
