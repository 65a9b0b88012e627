"""Paper records of an existing user, a user created later, and a user who completes a lesson online."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from demo.waiting import wait_until
from tests.emulator.api_client import DATA_IMPORT
from tests.example_dags.background import TIMEOUT, in_background, poll_count
from tests.example_dags.files import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_paper_records"
KNOWN, ONLINE, NEW = 1014, 1012, 1041
NEW_NUMBER = "E1041"


def test_records_are_imported_once(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    records = write_csv(
        tmp_path / "records.csv",
        _record("E1014", "Site Induction", "2026-03-02"),
        _record("E1012", "Site Induction", "2026-03-02"),
        _record(NEW_NUMBER, "Site Induction", "2026-03-02"),
        _record(NEW_NUMBER, "Manual Handling", "2026-03-05"),
    )
    schedules, completion = f"/user/{ONLINE}/lesson_schedule", "/lesson_schedule/*/complete_lesson"

    def record_completions() -> None:
        wait_until(
            lambda: _searches(damstra_emulator, NEW_NUMBER) > 1,
            description="a poll of the new user",
            timeout=TIMEOUT,
        )
        api.send("/user", firstName="Sam", lastName="Quill", employeeNumber=NEW_NUMBER)
        wait_until(
            lambda: poll_count(damstra_emulator, schedules, after=completion) > 0,
            description="a poll of the lessons",
            timeout=TIMEOUT,
        )
        damstra_emulator.complete_lesson_schedule(_open(api, ONLINE, "Manual Handling"))

    with in_background(record_completions):
        run = run_dag(DAG_ID, records=records)
    assert run.succeeded()
    assert run.returned["list_users"] == [KNOWN, ONLINE, NEW]
    for user_id in (KNOWN, ONLINE, NEW):
        assert _completed(api, user_id) >= {"Site Induction", "Manual Handling"}
    recorded = damstra_emulator.journal("POST", completion)
    assert Counter(entry["body"]["completedDate"] for entry in recorded) == {
        "2026-03-02T04:00:00+0000": 3,
        "2026-03-05T04:00:00+0000": 1,
    }
    assert {entry["body"]["manuallyCompletedByUserId"] for entry in recorded} == {DATA_IMPORT}

    damstra_emulator.clear_journal()
    assert run_dag(DAG_ID, records=records).succeeded()
    assert damstra_emulator.journal("POST") == []


def _record(employee_number: str, lesson: str, day: str) -> dict[str, str]:
    return {"employee_number": employee_number, "lesson": lesson, "day": day}


def _searches(emulator: DamstraEmulator, employee_number: str) -> int:
    return sum(entry["query"].get("empId") == employee_number for entry in emulator.journal("GET", "/user"))


def _schedules(api: ApiClient, user_id: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get_json(f"/user/{user_id}/lesson_schedule", maxResults=100)["results"]
    return rows


def _open(api: ApiClient, user_id: int, lesson: str) -> int:
    rows = [row for row in _schedules(api, user_id) if row["lessonName"] == lesson]
    return next(int(row["id"]) for row in rows if row["status"] != "completed")


def _completed(api: ApiClient, user_id: int) -> set[str]:
    return {row["lessonName"] for row in _schedules(api, user_id) if row["status"] == "completed"}
