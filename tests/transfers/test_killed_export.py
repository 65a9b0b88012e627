"""Exports whose process is killed: the retry continues, with every row once and hardly a page read twice."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import AddGroupMembers, RemoveGroupMembers
from airflow_provider_damstra.exports import checkpoint
from airflow_provider_damstra.exports.segments import IndexEntry
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.storage import StoragePath
from airflow_provider_damstra.testing import DamstraEmulator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.emulator.api_client import call_control_plane
from tests.operators.task_runner import StateStore, run
from tests.transfers.export_process import kill, running_export, send_signal
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


WORKERS = 4
CREW = 102


def requested(emulator: DamstraEmulator) -> Counter[str]:
    """Return how often each page was requested."""
    return Counter(f"{entry['path']} from row {entry['query']['startIndex']}" for entry in emulator.journal())


def is_fault_hit(emulator: DamstraEmulator) -> bool:
    *_, fault = call_control_plane(emulator, "GET", "/faults").json()
    return bool(fault["hits"])


def saved_rows(folder: Path) -> int:
    """Return how many rows of one listing are in a checkpoint, the only one in a folder."""
    lines = [
        line for index in folder.glob(".*.checkpoint/*.index") for line in index.read_bytes().splitlines()
    ]
    return max((IndexEntry(*json.loads(line)).total_rows for line in lines), default=0)


def kill_after(
    emulator: DamstraEmulator,
    pages: int,
    *,
    number: int = 1,
    run_id: str = "",
    delay: float = 0.01,
    **arguments: Any,
) -> None:
    """Run a try that is killed when that many pages were requested, by this and earlier tries.

    :param delay: seconds until each response.
    """
    emulator.add_fault("delay", delay=delay)
    with running_export(
        emulator.connection_json, task_try=(number, 2), run_id=run_id, **arguments
    ) as process:
        wait_until(lambda: len(emulator.journal()) >= pages, "enough pages have come")
        kill(process)
    emulator.clear_faults()


def kill_while_waiting(emulator: DamstraEmulator, pages: int, *, number: int, **arguments: Any) -> None:
    """Kill a try that waits for the next page of one listing and has saved all earlier ones.

    :param pages: pages that were requested by this and earlier tries.
    """
    emulator.add_fault("delay", delay=0.1)
    folder = Path(arguments["target_path"]).parent
    with running_export(emulator.connection_json, task_try=(number, 2), **arguments) as process:
        wait_until(lambda: len(emulator.journal()) >= pages, "enough pages have come")
        emulator.add_fault("delay", delay=60)
        wait_until(lambda: is_fault_hit(emulator), "the try waits for a page")
        # The last row of each page is left to the next one.
        rows = int(emulator.journal()[-1]["query"]["startIndex"]) + arguments["page_size"] - 1
        wait_until(lambda: saved_rows(folder) >= rows, "the pages before it are saved")
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
def test_retry_of_killed_export_writes_the_same_file(
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
    reference = DamstraExportOperator(task_id="export", target_path=f"{tmp_path}/reference", **arguments)
    whole = run(reference).value
    pages = requested(damstra_emulator)
    damstra_emulator.clear_journal()

    path = tmp_path / "lake" / "killed"
    kill_after(damstra_emulator, pages.total() // 2, target_path=str(path), **arguments)
    assert [child.name[:8] for child in path.parent.iterdir() if child.name.endswith(".checkpoint")] == [
        ".killed."
    ]
    assert not path.exists()
    at_half = requested(damstra_emulator)
    assert pages.total() // 2 <= at_half.total() < pages.total()

    retry = DamstraExportOperator(task_id="export", target_path=str(path), **arguments)
    result = run(retry, try_number=2, max_tries=1).value
    assert result == {**whole, "uri": str(path)}
    assert path.read_bytes() == (tmp_path / "reference").read_bytes()
    assert list(path.parent.iterdir()) == [path]
    # Each request in flight is sent again.
    again = requested(damstra_emulator) - pages
    assert again.total() <= WORKERS


@pytest.mark.parametrize("moves", [False, True])
def test_partial_listing_is_continued_unless_its_rows_moved(
    moves: bool, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    all_ids = range(1002, 1038)
    hook = DamstraHook()
    hook.call(AddGroupMembers(group_id=CREW, user_ids=tuple(all_ids)))
    path = tmp_path / "members.jsonl"
    arguments: dict[str, Any] = {"resource": "group_members", "parent_ids": [CREW], "page_size": 3}
    arguments["target_path"] = str(path)
    damstra_emulator.clear_journal()
    kill_while_waiting(damstra_emulator, 6, number=1, **arguments)
    kill_while_waiting(damstra_emulator, 10, number=2, **arguments)
    before = requested(damstra_emulator)
    if moves:
        hook.call(RemoveGroupMembers(group_id=CREW, user_ids=(1002,)))
        damstra_emulator.clear_journal()
    run(DamstraExportOperator(task_id="export", **arguments), try_number=3, max_tries=2)
    found = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert sorted(found) == list(all_ids)[int(moves) :]
    first = f"/group/{CREW}/member from row 0"
    assert requested(damstra_emulator)[first] == 1
    if not moves:
        assert sum(times - 1 for times in requested(damstra_emulator).values()) <= 2
        assert before[first] == 1


def test_export_survives_a_second_kill(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    arguments["target_path"] = str(path)
    kill_after(damstra_emulator, 20, **arguments)
    kill_after(damstra_emulator, 40, number=2, **arguments)
    result = run(DamstraExportOperator(task_id="export", **arguments), try_number=3, max_tries=2).value
    ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == result["rows"]
    assert sum(times - 1 for times in requested(damstra_emulator).values()) <= 2 * WORKERS


def test_retry_finds_checkpoint_of_another_target_path(
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
def test_checkpoint_of_other_arguments_is_not_used(
    changes: dict[str, Any], damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "target_path": str(tmp_path / "x")}
    kill_after(damstra_emulator, 30, **arguments, max_concurrency=WORKERS)
    damstra_emulator.clear_journal()
    run(DamstraExportOperator(task_id="export", **arguments, **changes), try_number=2, max_tries=1)
    assert damstra_emulator.journal("GET", "/user") != []
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_try_considered_dead_does_not_affect_its_successor(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "lake" / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    arguments["target_path"] = str(path)
    connection = damstra_emulator.connection_json
    damstra_emulator.add_fault("delay", delay=0.02)
    # The task is cleared: the first try does not know that another one follows.
    with running_export(connection, task_try=(1, 0), **arguments) as first:
        wait_until(lambda: len(damstra_emulator.journal()) >= 20, "the first has begun")
        send_signal(first, signal.SIGSTOP)
        with running_export(connection, task_try=(2, 1), **arguments) as second:
            wait_until(
                lambda: len(list(path.parent.glob(".*.checkpoint/*.writer"))) == 2, "the second has begun"
            )
            send_signal(second, signal.SIGSTOP)
            send_signal(first, signal.SIGCONT)
            wait_until(lambda: first.exitcode is not None, "the first is at its end")
            assert len(list(path.parent.glob(".*.checkpoint/*.writer"))) == 2
            send_signal(second, signal.SIGCONT)
            wait_until(lambda: second.exitcode == 0, "the second has exported")
    ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) > 0
    assert list(path.parent.iterdir()) == [path]


def test_abandoned_checkpoint_is_removed_by_later_run(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    kill_after(damstra_emulator, 20, number=3, run_id="monday", target_path=f"{tmp_path}/monday", **arguments)
    remaining = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rpartition(".")[2] for name in remaining] == ["unfinished", "checkpoint"]

    def hidden_names_after_export(run_id: str, monday_state: str, *, task_id: str = "export") -> list[str]:
        """Return the hidden names next to the targets after an export in another DAG run."""
        export = DamstraExportOperator(task_id=task_id, target_path=f"{tmp_path}/{run_id}", **arguments)
        run(export, run_id=run_id, states={"monday": monday_state})
        return sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))

    assert hidden_names_after_export("tuesday", "failed") == remaining
    monkeypatch.setattr(checkpoint, "CHECKPOINT_MAX_AGE", timedelta())
    assert hidden_names_after_export("wednesday", "running") == remaining
    assert hidden_names_after_export("thursday", "failed", task_id="another") == remaining
    assert hidden_names_after_export("friday", "failed") == []


def test_abandoned_checkpoint_of_deleted_mapped_task_is_removed(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": [1012, 1014]}
    owner = {"dag_id": "adhoc_airflow", "task_id": "export", "map_index": 7, "run_id": "deleted"}
    # Another user may have put it there: it must not prevent the removal of others.
    damaged = tmp_path / ".another.0123456789ab.checkpoint"
    incomplete = {"dag_id": "adhoc_airflow", "task_id": "export"}
    checkpoint.Checkpoint(StoragePath(str(damaged)), fingerprint="", owner=incomplete)
    folder = tmp_path / ".deleted.0123456789ab.checkpoint"
    checkpoint.Checkpoint(StoragePath(str(folder)), fingerprint="", owner=owner)
    monkeypatch.setattr(checkpoint, "CHECKPOINT_MAX_AGE", timedelta())
    export = DamstraExportOperator(task_id="export", target_path=f"{tmp_path}/new", **arguments)
    run(export, run_id="new")
    assert {path.name for path in tmp_path.iterdir()} == {"new", damaged.name}


@pytest.fixture
def slow_emulator() -> Iterator[DamstraEmulator]:
    """Start an emulator for one test: it journals delayed requests only after the test has ended."""
    with DamstraEmulator() as emulator:
        emulator.add_fault("delay", delay=30.0)
        yield emulator


@pytest.mark.parametrize("resource", ["users", "lesson_schedules"])
def test_terminated_export_ends_immediately_and_leaves_no_temporary_file(
    resource: str, slow_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"resource": resource, "target_path": f"{tmp_path}/rows.jsonl"}
    arguments["parent_ids"] = None if resource == "users" else [1011, 1012, 1013]
    with running_export(slow_emulator.connection_json, task_try=(1, 0), **arguments) as process:
        wait_until(lambda: list(tmp_path.iterdir()) != [], "the file is open")
        wait_until(lambda: is_fault_hit(slow_emulator), "the request is sent")
        sent_at = time.monotonic()
        send_signal(process, signal.SIGTERM)
        wait_until(lambda: process.exitcode is not None, "the process has ended")
        # Airflow kills a task 5 s after the signal.
        assert time.monotonic() - sent_at < 3
    assert process.exitcode == 1
    assert list(tmp_path.iterdir()) == []
