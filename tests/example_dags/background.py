"""Actions of trainees and administrators in Damstra while a DAG waits, and queries of the journal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.routing import match_route
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

TIMEOUT = 50.0


@contextmanager
def in_background(action: Callable[[], object]) -> Iterator[None]:
    """Run an action in a thread concurrently with the block, and raise its error."""
    with ThreadPoolExecutor(1, thread_name_prefix="background") as pool:
        future = pool.submit(action)
        yield
        future.result()


def complete_lessons(emulator: DamstraEmulator, user_ids: Iterable[int]) -> None:
    """Complete the lessons that the DAG schedules for these users, once a sensor polls them."""
    paths = {f"/user/{user_id}/lesson_schedule" for user_id in user_ids}

    def complete_polled() -> bool:
        for path in [path for path in paths if poll_count(emulator, path, after=path)]:
            for schedule_id in inserted_ids(emulator, "lesson_schedules", path):
                emulator.complete_lesson_schedule(schedule_id)
            paths.remove(path)
        return not paths

    wait_until(complete_polled, description=f"polls of {paths}", timeout=TIMEOUT)


def poll_count(emulator: DamstraEmulator, path: str, *, after: str | None = None) -> int:
    """Return the number of polls of a path, since the last change whose path matches ``after``."""
    entries = emulator.journal()
    if after is not None:
        is_change = [
            entry["method"] != "GET" and match_route(None, after, "", entry["path"]) for entry in entries
        ]
        entries = entries[len(entries) - is_change[::-1].index(True) :] if any(is_change) else []
    matching = [entry for entry in entries if match_route("GET", path, entry["method"], entry["path"])]
    return sum("status" not in entry["query"] for entry in matching)


def inserted_ids(emulator: DamstraEmulator, table: str, path: str | None = None) -> list[int]:
    """Return the ids of the rows that requests inserted into a table."""
    rows = [row for entry in emulator.journal("POST", path) for row in entry["rows"]]
    return [row["id"] for row in rows if row["table"] == table and row["action"] == "insert"]
