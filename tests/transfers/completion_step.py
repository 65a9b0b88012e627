"""A delivery of completions, and the completions that the emulator has."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.api_client import ApiClient

LIAM = 1011
PASSED, FAILED_TEST, DUE = 30013, 30018, 30014
"""Lesson schedules of the seed: Liam's induction; one completed with a failed test; an open one."""


def delivery(folder: Path, **arguments: Any) -> DamstraDeliverCompletionsOperator:
    """Return an operator with receipts in a folder, by default for Liam's induction."""
    given: dict[str, Any] = {"receipt_path": str(folder / "receipts"), **arguments}
    if "completed_from" not in given:
        given.setdefault("lesson_schedule_ids", [PASSED])
    return DamstraDeliverCompletionsOperator(task_id="deliver", **given)


def completions(api: ApiClient) -> dict[int, datetime]:
    """Return the times of all completions by lesson schedule id, as the API lists them."""
    users = api.get_json("/user", activeValue="all", maxResults=100)["results"]
    return {
        row["id"]: datetime.fromisoformat(row["lessonCompletedDate"])
        for user in users
        for row in api.get_json(f"/user/{user['id']}/lesson_schedule", maxResults=100)["results"]
        if row.get("lessonCompletedDate")
    }
