"""Events derived from two snapshots of a user's schedules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_damstra.conditions.schedule_changes import Snapshot, diff_snapshots, to_snapshot
from tests.conditions.factories import USER, row

MONDAY, TUESDAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)


def event_names(before: Snapshot, after: Snapshot) -> list[str]:
    events = diff_snapshots(USER, before, after, observed_at=TUESDAY)
    return [event["name"].removeprefix("lesson.schedule.") for event in events]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([row(1)], [row(1)], []),
        ([row(1)], [row(1, "overdue")], []),
        ([row(1)], [row(1, "completed")], ["completed"]),
        ([row(1, "overdue")], [row(1, "cancelled")], ["cancelled"]),
        ([row(1, "completed")], [row(1, "completed")], []),
        ([], [row(1)], ["created"]),
        ([], [row(1, "completed")], ["created", "completed"]),
        ([row(1)], [], []),
        ([row(1, start_date=MONDAY)], [row(1, start_date=TUESDAY)], ["changed"]),
        ([row(1, start_date=MONDAY)], [row(1, "completed", start_date=TUESDAY)], ["changed", "completed"]),
        ([row(1), row(2)], [row(2, "cancelled"), row(1, "completed")], ["cancelled", "completed"]),
    ],
)
def test_each_difference_makes_an_event(before: Any, after: Any, expected: list[str]) -> None:
    assert event_names(to_snapshot(before), to_snapshot(after)) == expected


def test_event_has_fields_of_its_webhook() -> None:
    (event,) = diff_snapshots(USER, {}, to_snapshot([row(30001, start_date=MONDAY)]), observed_at=TUESDAY)
    assert event == {
        "name": "lesson.schedule.created",
        "lesson_schedule_id": 30001,
        "user_id": USER,
        "schedule_date": "2026-11-23T00:00:00+00:00",
        "time_stamp": "2026-11-24T00:00:00+00:00",
        "source": "polling",
    }
