"""Onboarding of two new users, a repeated run, and a user with completed online lessons."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.example_dags.background import complete_lessons, in_background
from tests.example_dags.files import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_onboarding"
NEW = (1041, 1042)
LESSONS = {"Site Induction", "Working at Heights", "Confined Space Entry (instructor-led)"}
ONLY_ONLINE = 1016
WEEK = timedelta(days=7)


def test_repeated_run_changes_nothing(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    new_starters = write_csv(tmp_path / "new.csv", _new_starter("NS-1", "Aroha"), _new_starter("NS-2", "Ben"))
    params = {"new_starters": new_starters, "certificates": (tmp_path / "certificates").as_uri()}
    damstra_emulator.set_clock(damstra_emulator.now - WEEK)
    with in_background(lambda: complete_lessons(damstra_emulator, NEW)):
        first = run_dag(DAG_ID, **params)
    assert first.succeeded()
    assert [len(schedule_ids) for schedule_ids in first.returned["list_completed"]] == [3, 3]
    assert _inserts(damstra_emulator) == {
        "users": 2,
        "user_roles": 2,
        "groups": 1,
        "group_members": 2,
        "lesson_schedules": 6,
        "ilt_sessions": 1,
        "ilt_attendees": 2,
    }
    for user_id in NEW:
        rows = api.get_json(f"/user/{user_id}/lesson_schedule")["results"]
        assert {row["lessonName"] for row in rows if row["status"] == "completed"} == LESSONS
        files = [tmp_path / "certificates" / f"certificate-{row['id']}.pdf" for row in rows]
        assert all(file.read_bytes().startswith(b"%PDF-") for file in files)

    damstra_emulator.advance_clock(WEEK)
    damstra_emulator.clear_journal()
    assert run_dag(DAG_ID, **params).succeeded()
    assert damstra_emulator.journal("POST") == []


def test_user_with_online_lessons_needs_only_session(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    new_starters = write_csv(tmp_path / "new.csv", _new_starter("E1016", "Amelia"))
    run = run_dag(DAG_ID, new_starters=new_starters, certificates=tmp_path.as_uri())
    assert run.succeeded()
    assert run.states["wait_for_online_lessons"] == "skipped"
    (scheduled,) = run.returned["schedule_classroom_lesson"]
    (schedule_id,) = scheduled["lesson_schedule_ids"]
    assert api.schedule_status(ONLY_ONLINE, schedule_id) == "completed"
    assert [file.name for file in tmp_path.glob("*.pdf")] == [f"certificate-{schedule_id}.pdf"]


def _new_starter(employee_number: str, first_name: str) -> dict[str, str]:
    return {
        "employee_number": employee_number,
        "first_name": first_name,
        "last_name": "Singh",
        "email_address": f"{first_name}.singh@example.com".lower(),
    }


def _inserts(emulator: DamstraEmulator) -> dict[str, int]:
    """Return the number of inserted rows by table."""
    rows = [row for entry in emulator.journal() for row in entry["rows"] if row["action"] == "insert"]
    return Counter(row["table"] for row in rows)
