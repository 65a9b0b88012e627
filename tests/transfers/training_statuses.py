"""Rules, a status operator, and its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from tests.emulator.api_client import DATA_IMPORT

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.emulator.api_client import ApiClient

INDUCTION, HEIGHTS, HANDLING = 201, 202, 203
INDUCTION_RULE = {"lessons": ["Site Induction"], "groups": ["Pit Crew A"], "valid_for": "12 months"}


def status_operator(path: Path | str | None = None, *rules: dict[str, Any], **arguments: Any) -> Any:
    """Return an operator that evaluates rules, by default ``INDUCTION_RULE``, and writes to a path."""
    arguments["target_path"] = None if path is None else str(path)
    if "requirements_path" not in arguments:
        arguments["requirements"] = list(rules or (INDUCTION_RULE,))
    return DamstraTrainingStatusOperator(task_id="status", **arguments)


def read_rows(path: Path) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the rows of a file by user and lesson."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    by_key = {(row["user_id"], row["lesson_id"]): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def states(path: Path) -> dict[tuple[int, int], str]:
    """Return the states in a file by user and lesson."""
    return {key: row["state"] for key, row in read_rows(path).items()}


def record_completion(api: ApiClient, user_id: int, lesson_id: int, at: datetime) -> int:
    """Record that a user completed a lesson, and return the id of the schedule."""
    body = {
        "lessonId": lesson_id,
        "completedDate": f"{at:%Y-%m-%dT%H:%M:%S}+0000",
        "manuallyCompletedByUserId": DATA_IMPORT,
    }
    ids: list[int] = api.send(f"/lesson_schedule/{user_id}/complete_lesson", **body).json()["ids"]
    return ids[0]
