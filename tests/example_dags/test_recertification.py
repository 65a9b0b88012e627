"""Recertification: due members are scheduled, and their supervisor gets a message about what is new."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.emulator.api_client import HAUL_TRUCK_LESSON
from tests.example_dags.background import inserted_ids
from tests.transfers.training_statuses import record_completion

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_recertification"
CURRENT, EXPIRING, EXPIRED, *MISSING = 1013, 1018, 1023, 1028, 1033


def test_due_members_are_scheduled_and_supervisor_gets_one_message(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    now = damstra_emulator.now
    for user_id, days in {CURRENT: 60, EXPIRING: 350, EXPIRED: 400}.items():
        damstra_emulator.set_clock(now - timedelta(days=days))
        record_completion(api, user_id, HAUL_TRUCK_LESSON, now - timedelta(days=days))
    damstra_emulator.set_clock(now)
    damstra_emulator.clear_journal()

    plan = run_dag(DAG_ID, folder=tmp_path.as_uri(), dry_run=True)
    assert plan.succeeded()
    assert messages(plan) == []
    assert plan.returned["schedule_due"]["plan"]["assignments"] == 4
    assert damstra_emulator.journal("POST") == []

    run = run_dag(DAG_ID, folder=tmp_path.as_uri())
    assert run.succeeded()
    assert len(inserted_ids(damstra_emulator, "lesson_schedules")) == 4
    assert rows(tmp_path) == {
        CURRENT: "current",
        EXPIRING: "expiring",
        EXPIRED: "expired",
        **dict.fromkeys(MISSING, "missing"),
    }
    (to_jack,) = (one for one in messages(run) if "To jack.doolan@example.com: " in one)
    assert to_jack.count(",") == 3

    again = run_dag(DAG_ID, folder=tmp_path.as_uri())
    assert again.succeeded()
    assert messages(again) == []
    assert len(inserted_ids(damstra_emulator, "lesson_schedules")) == 4
    assert rows(tmp_path)[EXPIRED] == "assigned"


def messages(run: Any) -> list[str]:
    """Return the messages to supervisors in the log of a run."""
    return [line for line in run.log.splitlines() if "new lessons were scheduled for" in line]


def rows(folder: Path) -> dict[int, str]:
    """Return the state of each member in the newest file."""
    with max(folder.glob("*.csv")).open(encoding="utf-8-sig") as file:
        return {int(row["user_id"]): row["state"] for row in csv.DictReader(file)}
