"""Example DAGs that asset events trigger."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

from tests.example_dags.asset_events import Event
from tests.example_dags.background import complete_lessons, in_background, inserted_ids

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

ASSETS = "damstra://damstra_default"
LIAM, OPEN_SCHEDULE = 1011, 30040
NEW_TRAINEE, OWNER, DELETED = 1037, 1001, 4711
HAUL_TRUCK, HAUL_TRUCK_VERSION = "Haul Truck Pre-start Checks", 2006


@pytest.mark.parametrize("has_partitions", [True, False])
def test_next_lesson_is_scheduled_once(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, has_partitions: bool
) -> None:
    key = str(LIAM) if has_partitions else None
    completed = Event(
        asset=f"{ASSETS}/lesson.schedule.completed",
        payload=payload_for(LIAM, OPEN_SCHEDULE),
        partition_key=key,
    )
    rows = api.get_json(f"/user/{LIAM}/lesson_schedule")["results"]
    path = [*(row["lessonName"] for row in rows if row["status"] == "completed"), HAUL_TRUCK]
    run = run_dag("example_damstra_next_lesson", [completed, completed], path=path)
    assert run.succeeded()
    (schedule_id,) = inserted_ids(damstra_emulator, "lesson_schedules")
    assert run.returned["schedule_lesson[0]"] == [{"user_id": LIAM, "lesson_schedule_ids": [schedule_id]}]
    # A repeated event schedules nothing.
    assert run_dag("example_damstra_next_lesson", [completed], path=path).succeeded()
    assert inserted_ids(damstra_emulator, "lesson_schedules") == [schedule_id]


def test_only_new_trainees_are_onboarded(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    with in_background(lambda: complete_lessons(damstra_emulator, [NEW_TRAINEE])):
        run = run_dag(
            "example_damstra_new_user",
            [event("user.account.created", user_id=one) for one in (NEW_TRAINEE, OWNER, DELETED)],
            lesson=HAUL_TRUCK,
            certificates=tmp_path.as_uri(),
        )
    assert run.succeeded()
    assert run.returned["find_trainees"] == [NEW_TRAINEE]
    (schedule_id,) = inserted_ids(damstra_emulator, "lesson_schedules")
    assert [path.name for path in tmp_path.iterdir()] == [f"certificate-{schedule_id}.pdf"]


def test_cancelled_schedule_is_rescheduled_after_approval(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK_VERSION)
    damstra_emulator.cancel_lesson_schedule(schedule_id)
    cancelled = Event(
        asset=f"{ASSETS}/lesson.schedule.cancelled",
        payload=payload_for(LIAM, schedule_id),
        unverified={"cancellation_reason": "CANCELLED_MANUALLY"},
    )
    run = run_dag("example_damstra_cancelled_schedule", [cancelled, cancelled])
    assert run.succeeded()
    (question,) = run.returned["find_cancelled"]
    assert question["subject"].endswith(f" to {HAUL_TRUCK} again?")
    assert "was cancelled: CANCELLED_MANUALLY" in question["body"]
    assert len(inserted_ids(damstra_emulator, "lesson_schedules")) == 2


def test_completions_of_watched_group_are_reported(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    damstra_emulator.complete_lesson_schedule(OPEN_SCHEDULE)
    completed = Event(asset="pit_crew_a_completed_a_lesson", payload=payload_for(LIAM, OPEN_SCHEDULE))
    run = run_dag("example_damstra_watched_group", [completed, completed], reports=tmp_path.as_uri())
    assert run.succeeded()
    (file,) = tmp_path.iterdir()
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert row["employee_number"] == f"E{LIAM}"
    assert row["completed"]


def event(name: str, **payload: Any) -> Event:
    return Event(asset=f"{ASSETS}/{name}", payload={"name": name, **payload})


def payload_for(user_id: int, lesson_schedule_id: int) -> dict[str, int]:
    return {"user_id": user_id, "lesson_schedule_id": lesson_schedule_id}
