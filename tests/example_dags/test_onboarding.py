"""Onboarding: two people are new, the same file comes again, and somebody has done a part of it before."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.example_dags.files import write_csv
from tests.example_dags.meanwhile import do_lessons, meanwhile

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


def test_the_same_file_onboards_once(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    new_starters = write_csv(tmp_path / "new.csv", _person("NS-1", "Aroha"), _person("NS-2", "Ben"))
    params = {"new_starters": new_starters, "certificates": (tmp_path / "certificates").as_uri()}
    damstra_emulator.set_clock(damstra_emulator.now - WEEK)
    with meanwhile(lambda: do_lessons(damstra_emulator, NEW)):
        assert run_dag(DAG_ID, **params).succeeded()
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


def test_who_has_done_the_online_lessons_only_needs_the_session(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    new_starters = write_csv(tmp_path / "new.csv", _person("E1016", "Amelia"))
    run = run_dag(DAG_ID, new_starters=new_starters, certificates=tmp_path.as_uri())
    assert run.succeeded()
    assert run.states["wait_for_online_lessons"] == "skipped"
    (person,) = run.returned["schedule_classroom_lesson"]
    (schedule_id,) = person["lesson_schedule_ids"]
    assert api.schedule_status(ONLY_ONLINE, schedule_id) == "completed"
    assert [file.name for file in tmp_path.glob("*.pdf")] == [f"certificate-{schedule_id}.pdf"]


def _person(employee_number: str, first_name: str) -> dict[str, str]:
    return {
        "employee_number": employee_number,
        "first_name": first_name,
        "last_name": "Singh",
        "email_address": f"{first_name}.singh@example.com".lower(),
    }


def _inserts(emulator: DamstraEmulator) -> dict[str, int]:
    """Return how many rows were added to which table."""
    rows = [row for entry in emulator.journal() for row in entry["rows"] if row["action"] == "insert"]
    return Counter(row["table"] for row in rows)
