"""What people do in Damstra while a DAG waits for them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.routing import match_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

PATIENCE = 50.0


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Let somebody work while the block runs, and fail if they could not do it."""
    with ThreadPoolExecutor(1, thread_name_prefix="meanwhile") as pool:
        future = pool.submit(work)
        yield
        future.result()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so, and fail if it does not become so in time."""
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        pause.wait(0.05)


def do_lessons(emulator: DamstraEmulator, user_ids: Iterable[int]) -> None:
    """Let trainees complete the lessons that the DAG scheduled them to, each once it waits for them."""
    paths = {f"/user/{user_id}/lesson_schedule" for user_id in user_ids}

    def all_are_done() -> bool:
        for path in [path for path in paths if looks(emulator, path, after=path)]:
            for schedule_id in inserted(emulator, "lesson_schedules", path):
                emulator.complete_lesson_schedule(schedule_id)
            paths.remove(path)
        return not paths

    until(all_are_done, f"a wait for {paths}")


def looks(emulator: DamstraEmulator, path: str, *, after: str | None = None) -> int:
    """Return how often something was asked for as waits ask, since the last change that matches ``after``."""
    entries = emulator.journal()
    if after is not None:
        is_change = [
            entry["method"] != "GET" and match_route(None, after, "", entry["path"]) for entry in entries
        ]
        entries = entries[len(entries) - is_change[::-1].index(True) :] if any(is_change) else []
    asked = [entry for entry in entries if match_route("GET", path, entry["method"], entry["path"])]
    return sum("status" not in entry["query"] for entry in asked)


def inserted(emulator: DamstraEmulator, table: str, path: str | None = None) -> list[int]:
    """Return the ids of the rows that requests added to a table."""
    rows = [row for entry in emulator.journal("POST", path) for row in entry["rows"]]
    return [row["id"] for row in rows if row["table"] == table and row["action"] == "insert"]
