"""A second emulator in addition to the demonstration's, with many users and ten lessons."""

from __future__ import annotations

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
CONN_ID = "damstra_large"
LISTING = "/user/*/lesson_schedule"


class LargeEmulator(EmulatorInstance):
    """An emulator whose users have no lesson schedules yet.

    :param root: an existing folder for the store and the log.
    """

    conn_id = CONN_ID

    def __init__(self, *, root: Path) -> None:
        self.lesson_version_ids = _fill(root / "large.db")
        super().__init__(root=root, name="large-emulator", options=("--db", str(root / "large.db")))
        self.extra = {"max_retries": 0}

    @cached_property
    def http(self) -> ApiClient:
        """Return a client of the API."""
        return ApiClient(self.url, self.access_key)

    def users(self, first: int, count: int) -> list[int]:
        """Return the ids of some users."""
        return list(range(FIRST_IDS["users"] + first, FIRST_IDS["users"] + first + count))

    def schedule(self, user_id: int) -> int:
        """Schedule a user for one lesson and return the schedule's id."""
        return self.http.schedule(user_id, self.lesson_version_ids[0])

    def complete(self, lesson_schedule_ids: Iterable[int]) -> None:
        """Complete lesson schedules as their trainees."""
        for one in lesson_schedule_ids:
            self.api.complete(one)

    def cancel(self, lesson_schedule_id: int) -> None:
        """Cancel a lesson schedule as an administrator does in the app."""
        self.api.control("POST", f"/lesson_schedules/{lesson_schedule_id}/cancel")

    def fail_listing(self, *, user_id: int, times: int) -> None:
        """Let the next listings of a user's schedules fail."""
        path = f"/user/{user_id}/lesson_schedule"
        rule = {"kind": "status", "status": 503, "method": "GET", "path": path, "count": times}
        self.api.control("POST", "/faults", rule)

    def delay(self, path: str, *, seconds: float) -> None:
        """Delay the next POST to a path before it is handled."""
        rule = {"kind": "delay", "delay": seconds, "method": "POST", "path": path, "count": 1}
        self.api.control("POST", "/faults", rule)

    def is_delaying(self, path: str) -> bool:
        """Return whether a POST to a path has been delayed."""
        rules: list[Row] = self.api.control("GET", "/faults").json()
        return any(rule["path"] == path and rule["hits"] for rule in rules)

    def listings(self) -> list[Row]:
        """Return the journal's entries of the listings of users' schedules."""
        return self.requests(method="GET", path=LISTING)

    def requests(self, **filters: str) -> list[Row]:
        """Return the journal's entries with this method and path."""
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        entries: list[Row] = self.api.control("GET", f"/journal?{query}").json()
        return entries


def _fill(db: Path) -> list[int]:
    """Fill a new store and return the ids of its ten lesson versions, which can be scheduled."""
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
