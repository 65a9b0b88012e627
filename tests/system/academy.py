"""A second emulator beside the demonstration's: many users, ten lessons, and what its trainees do."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.schema import FIRST_IDS
from airflow_provider_damstra.emulator.settings import Settings
from airflow_provider_damstra.emulator.state import EmulatorState
from demo.emulator_instance import EmulatorInstance
from tests.emulator.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from demo.emulator_instance import Row

USERS = 150
LESSONS = 10
CONNECTION = "damstra_academy"
LISTING = "/user/*/lesson_schedule"


class Academy(EmulatorInstance):
    """An emulator whose users have no lesson schedules yet.

    :param root: an existing folder for the store and the log
    """

    def __init__(self, *, root: Path) -> None:
        self.lesson_version_ids = _filled(root / "academy.db")
        super().__init__(root=root, name="academy", options=("--db", str(root / "academy.db")))

    @cached_property
    def http(self) -> ApiClient:
        """The API as any program would use it."""
        return ApiClient(self.url, self.access_key)

    @property
    def connection(self) -> dict[str, str]:
        """The variable that gives Airflow its connection to this emulator; its client repeats nothing."""
        connection = {
            "conn_type": "damstra",
            "host": self.url,
            "password": self.access_key,
            "extra": {"max_retries": 0},
        }
        return {f"AIRFLOW_CONN_{CONNECTION.upper()}": json.dumps(connection)}

    def users(self, first: int, count: int) -> list[int]:
        """Return the ids of some users."""
        return list(range(FIRST_IDS["users"] + first, FIRST_IDS["users"] + first + count))

    def schedule(self, user_id: int) -> int:
        """Schedule a user to one lesson and return the schedule's id."""
        return self.http.schedule(user_id, self.lesson_version_ids[0])

    def complete(self, lesson_schedule_ids: Iterable[int]) -> None:
        """Let trainees do their lessons."""
        for one in lesson_schedule_ids:
            self.api.complete(one)

    def cancel(self, lesson_schedule_id: int) -> None:
        """Cancel a lesson schedule as an administrator would in the app."""
        self.api.control("POST", f"/lesson_schedules/{lesson_schedule_id}/cancel")

    def break_down(self, *, user_id: int, times: int) -> None:
        """Let the listing of a user's schedules fail so often."""
        path = f"/user/{user_id}/lesson_schedule"
        rule = {"kind": "status", "status": 503, "method": "GET", "path": path, "count": times}
        self.api.control("POST", "/faults", rule)

    def delay(self, path: str, *, seconds: float) -> None:
        """Let the next POST to a path be handled late: first comes the wait."""
        rule = {"kind": "delay", "delay": seconds, "method": "POST", "path": path, "count": 1}
        self.api.control("POST", "/faults", rule)

    def is_delaying(self, path: str) -> bool:
        """Return whether a POST to a path has been delayed."""
        rules: list[Row] = self.api.control("GET", "/faults").json()
        return any(rule["path"] == path and rule["hits"] for rule in rules)

    def listings(self) -> list[Row]:
        """Return the journal's entries of the listings of users' schedules."""
        return self.requests(method="GET", path=LISTING)

    def requests(self, **those: str) -> list[Row]:
        """Return the journal's entries with this method and path."""
        query = "&".join(f"{name}={value}" for name, value in those.items())
        entries: list[Row] = self.api.control("GET", f"/journal?{query}").json()
        return entries


def _filled(db: Path) -> list[int]:
    """Fill a new store and return the ids of its ten lesson versions, all to be scheduled."""
    state = EmulatorState(Settings(db=db, seed=f"large:{USERS}"))
    try:
        with state.unit_of_work() as uow:
            lessons = [
                state.store.execute("INSERT INTO lessons (instructor_led) VALUES (0)").lastrowid
                for _ in range(LESSONS)
            ]
            return [
                uow.insert(
                    "lesson_versions",
                    lesson_id=lesson_id,
                    version=1,
                    name=f"Safe Work {lesson_id}",
                    duration=600_000,
                    status="active",
                    questionnaire_type=18,
                    question_count=8,
                    questionnaire_pass_rate=80,
                    chapter_count=5,
                )
                for lesson_id in lessons
            ]
    finally:
        state.store.close()
