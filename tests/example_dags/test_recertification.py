"""Recertification of a group: one certified member, one expired, three without completion."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from demo.waiting import wait_until
from tests.emulator.api_client import DATA_IMPORT, HAUL_TRUCK_LESSON
from tests.example_dags.background import TIMEOUT, complete_lessons, in_background, inserted_ids

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_recertification"
CERTIFIED, EXPIRED, *NEVER, LAST = 1013, 1018, 1023, 1028, 1033


def test_due_members_are_recertified(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    _completed_before(timedelta(days=60), CERTIFIED, damstra_emulator, api)
    _completed_before(timedelta(days=400), EXPIRED, damstra_emulator, api)
    read_only = {"clientStatusId", "createdDate", "modifiedDate"}
    user = {name: value for name, value in api.get_json(f"/user/{EXPIRED}").items() if name not in read_only}
    api.send(f"/user/{EXPIRED}", "PUT", **user | {"firstName": "Bob;=HYPERLINK(1)"})
    damstra_emulator.clear_journal()

    def complete_in_two_steps() -> None:
        complete_lessons(damstra_emulator, [EXPIRED, *NEVER])
        wait_until(
            lambda: any(tmp_path.glob("*-interim.csv")), description="the interim report", timeout=TIMEOUT
        )
        complete_lessons(damstra_emulator, [LAST])

    with in_background(complete_in_two_steps):
        run = run_dag(DAG_ID, reports=tmp_path.as_uri())
    assert run.succeeded()
    assert run.returned["find_due"] == [EXPIRED, *NEVER, LAST]
    assert len(inserted_ids(damstra_emulator, "lesson_schedules")) == 4
    interim, final = (run.returned[f"{name}_report"] for name in ("interim", "final"))
    assert interim["supervisors"] == final["supervisors"] == ["jack.doolan@example.com"]
    assert _report(interim["path"]) == dict.fromkeys(("E1013", "E1018", "E1023", "E1028"), "certified") | {
        "E1033": "outstanding"
    }
    assert set(_report(final["path"]).values()) == {"certified"}
    assert ",Bob;'=HYPERLINK(1) " in Path(final["path"].removeprefix("file://")).read_text()

    damstra_emulator.clear_journal()
    again = run_dag(DAG_ID, reports=tmp_path.as_uri())
    assert again.succeeded()
    assert again.states.pop("find_due") == "success"
    assert set(again.states.values()) == {"skipped"}
    assert damstra_emulator.journal("POST") == []


def _completed_before(ago: timedelta, user_id: int, emulator: DamstraEmulator, api: ApiClient) -> None:
    """Record an earlier completion of the lesson."""
    now = emulator.now
    emulator.set_clock(now - ago)
    api.send(
        f"/lesson_schedule/{user_id}/complete_lesson",
        lessonId=HAUL_TRUCK_LESSON,
        completedDate=f"{now - ago:%Y-%m-%dT%H:%M:%S}+0000",
        manuallyCompletedByUserId=DATA_IMPORT,
    )
    emulator.set_clock(now)


def _report(path: str) -> dict[str, str]:
    """Return the members' status by employee number."""
    with open(path.removeprefix("file://")) as file:
        return {row["employee_number"]: row["status"] for row in csv.DictReader(file)}
