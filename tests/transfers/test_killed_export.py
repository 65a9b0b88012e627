"""An export whose process is killed at half goes on where it was: every row once, hardly a listing twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.clients.clock import until
from tests.operators.running import StateStore, run
from tests.transfers.exporting import exporting, kill

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

WORKERS = 4


def asked(emulator: DamstraEmulator) -> Counter[str]:
    """Return how often each page was asked for."""
    return Counter(f"{entry['path']} from row {entry['query']['startIndex']}" for entry in emulator.journal())


def listings(pages: Counter[str]) -> Counter[str]:
    """Return how often each listing was begun."""
    return Counter({page: times for page, times in pages.items() if page.endswith(" from row 0")})


def killed_at(emulator: DamstraEmulator, pages: int, *, number: int = 1, **arguments: Any) -> None:
    """Run an attempt that is killed when so many pages have been asked for, by this and earlier ones."""
    emulator.add_fault("delay", delay=0.01)
    with exporting(emulator.connection_json, attempt=(number, 2), **arguments) as process:
        until(lambda: len(emulator.journal()) >= pages, "enough pages have come")
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
def test_every_row_comes_once_and_hardly_a_listing_twice(
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
    assert [child.name[:8] for child in path.parent.iterdir() if child.name.endswith(".parts")] == [
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
    # Each worker had one listing under way, which is read again from its first page.
    again = listings(asked(damstra_emulator)) - listings(pages)
    assert again.total() <= WORKERS
    anew = {page.split()[0] for page in again}
    assert {page.split()[0] for page in asked(damstra_emulator) - pages} <= anew


def test_a_second_kill_loses_nothing_either(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "max_concurrency": WORKERS}
    arguments["target_path"] = str(path)
    killed_at(damstra_emulator, 20, **arguments)
    killed_at(damstra_emulator, 40, number=2, **arguments)
    result = run(DamstraExportOperator(task_id="export", **arguments), try_number=3, max_tries=2).value
    ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == result["rows"]
    assert sum(times - 1 for times in listings(asked(damstra_emulator)).values()) <= 2 * WORKERS


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
