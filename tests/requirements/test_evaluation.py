"""The training status of a person: states, days of the person's time zone, leap days and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.models import UserLessonSchedule
from airflow_provider_damstra.requirements.evaluation import evaluate, most_urgent_by_lesson, next_certificate
from airflow_provider_damstra.requirements.status import (
    Requirement,
    ScheduleRecord,
    TrainingState,
    TrainingStatus,
)

PERTH = ZoneInfo("Australia/Perth")
NOW = datetime(2026, 3, 15, 1, tzinfo=UTC)


def requirement(**more: Any) -> Requirement:
    fields: dict[str, Any] = {"rule": "R", "position": "requirements[0]", "lesson_name": "Induction"}
    fields |= {"lesson_id": 201, "lesson_version_id": 2012, **more}
    for name in {"valid_for", "warn_before"} & fields.keys():
        fields[name] = parse_duration(name, fields[name])
    return Requirement(**fields)


def record(schedule_id: int = 1, **more: Any) -> ScheduleRecord:
    for name in ("completed_at", "due_at", "created_at"):
        if isinstance(more.get(name), str):
            more[name] = datetime.fromisoformat(more[name])
    state = "completed" if more.get("completed_at") else "open"
    return ScheduleRecord(
        **{"id": schedule_id, "lesson_id": 201, "lesson_version_id": 2012, "state": state, **more}
    )


def status_of(
    *records: ScheduleRecord, at: datetime | str = NOW, zone: ZoneInfo = PERTH, **more: Any
) -> TrainingStatus:
    passed = more.pop("passed", {})
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return evaluate(requirement(**more), records, at=at, time_zone=zone, passed=passed)


YEAR: dict[str, Any] = {"valid_for": "12 months", "warn_before": "30 days"}


@pytest.mark.parametrize(
    ("records", "state", "schedule_id", "reason"),
    [
        ([], "missing", None, "not completed; not scheduled"),
        ([record(lesson_id=202)], "missing", None, "not completed; not scheduled"),
        ([record(state="cancelled")], "missing", None, "not completed; not scheduled"),
        ([record(due_at="2026-04-01T00:00Z")], "assigned", 1, "not completed; scheduled, due 2026-04-01"),
        ([record()], "assigned", 1, "not completed; scheduled, due at an unknown date"),
        ([record(due_at="2026-03-15T01:00Z")], "overdue", 1, "not completed; overdue since 2026-03-15"),
        ([record(state="overdue")], "overdue", 1, "not completed; overdue since at an unknown date"),
        (
            [record(completed_at="2025-10-01T00:00Z"), record(2, due_at="2026-03-01T00:00Z")],
            "current",
            1,
            "completed on 2025-10-01, valid through 2026-10-01; scheduled, due 2026-03-01",
        ),
        (
            [record(completed_at="2025-04-01T00:00Z")],
            "expiring",
            1,
            "completed on 2025-04-01, valid through 2026-04-01; not scheduled",
        ),
        (
            [record(completed_at="2024-04-01T00:00Z"), record(2, completed_at="2025-03-01T00:00Z")],
            "expired",
            2,
            "completed on 2025-03-01, valid through 2026-03-01; not scheduled",
        ),
        (
            [record(completed_at="2025-03-01T00:00Z"), record(2, due_at="2026-04-01T00:00Z")],
            "assigned",
            2,
            "completed on 2025-03-01, valid through 2026-03-01; scheduled, due 2026-04-01",
        ),
        ([record(state="completed")], "expired", 1, "completed on an unknown date; not scheduled"),
    ],
)
def test_state_schedule_and_reason(
    records: list[ScheduleRecord], state: str, schedule_id: int | None, reason: str
) -> None:
    status = status_of(*records, **YEAR)
    assert (status.state, status.lesson_schedule_id, status.reason) == (state, schedule_id, reason)


def test_schedule_of_expired_completion_is_known_while_lesson_is_scheduled_again() -> None:
    completed = record(completed_at="2025-03-01T00:00Z")
    status = status_of(completed, record(2, due_at="2026-04-01T00:00Z"), **YEAR)
    assert (status.completed_schedule_id, status.lesson_schedule_id) == (1, 2)
    assert status_of(record(), **YEAR).completed_schedule_id is None


@pytest.mark.parametrize(
    ("completed", "valid_for", "last_day", "zone", "expires_at"),
    [
        # The day is the person's: 20:00 UTC is the next morning in Perth.
        ("2025-03-14T20:00Z", "12 months", "2026-03-15", "Australia/Perth", "2026-03-15T16:00Z"),
        ("2025-03-14T20:00Z", "12 months", "2026-03-14", "America/Lima", "2026-03-15T05:00Z"),
        # Leap days, and months that are shorter.
        ("2024-02-29T12:00Z", "12 months", "2025-02-28", "UTC", "2025-03-01T00:00Z"),
        ("2024-02-29T12:00Z", "4 years", "2028-02-29", "UTC", "2028-03-01T00:00Z"),
        ("2023-02-28T12:00Z", "12 months", "2024-02-28", "UTC", "2024-02-29T00:00Z"),
        ("2025-08-31T12:00Z", "6 months", "2026-02-28", "UTC", "2026-03-01T00:00Z"),
        ("2025-02-28T12:00Z", "365 days", "2026-02-28", "UTC", "2026-03-01T00:00Z"),
        # The clocks change between completion and end, and at the midnight itself.
        ("2025-04-05T12:00Z", "6 months", "2025-10-05", "Australia/Sydney", "2025-10-05T13:00Z"),
        ("2025-03-29T12:00Z", "1 day", "2025-03-30", "Asia/Beirut", "2025-03-30T21:00Z"),
        ("2025-03-28T12:00Z", "1 day", "2025-03-29", "Asia/Beirut", "2025-03-29T22:00Z"),
        ("9999-06-01T00:00Z", "12 months", "9999-12-31", "UTC", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_completion_counts_through_last_day_in_time_zone_of_person(
    completed: str, valid_for: str, last_day: str, zone: str, expires_at: str
) -> None:
    end = datetime.fromisoformat(expires_at)
    before = end - timedelta(seconds=1)
    for at, state in ((before, "current"), (end, "expired")):
        is_at_end_of_time = end.year == 9999
        status = status_of(
            record(completed_at=completed, created_at="2020-01-01T00:00Z"),
            at=at,
            zone=ZoneInfo(zone),
            valid_for=valid_for,
        )
        assert status.state == ("current" if is_at_end_of_time else state)
        assert status.expires_at == end
        assert f"valid through {last_day}" in status.reason


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-01-27T15:59:59Z", "current"),
        ("2026-01-27T16:00:00Z", "expiring"),  # midnight in Perth, where 28 January begins
        ("2026-02-28T15:59:59Z", "expiring"),
        ("2026-02-28T16:00:00Z", "expired"),
    ],
)
def test_warning_begins_on_a_day_of_the_person(at: str, state: str) -> None:
    completed = record(completed_at="2025-02-28T03:00Z")
    assert status_of(completed, at=at, valid_for="1 year", warn_before="1 month").state == state


def test_completion_without_validity_counts_for_ever() -> None:
    status = status_of(record(completed_at="1999-01-01T00:00Z"))
    assert (status.state, status.expires_at) == ("current", None)
    assert status.reason == "completed on 1999-01-01"
    assert status_of(record(state="completed")).state == "current"


def test_status_of_a_past_time_ignores_what_came_later() -> None:
    completed = record(
        created_at="2026-02-01T00:00Z", due_at="2026-03-01T00:00Z", completed_at="2026-03-10T00:00Z"
    )
    for at, state in (
        ("2026-01-31T00:00Z", "missing"),
        ("2026-02-01T00:00Z", "assigned"),
        ("2026-03-01T00:00Z", "overdue"),
        ("2026-03-10T00:00Z", "current"),
    ):
        assert status_of(completed, at=at).state == state


def test_only_current_version_counts_if_rule_demands_it() -> None:
    old = record(completed_at="2026-01-01T00:00Z", lesson_version_id=2011)
    assert status_of(old).state == "current"
    status = status_of(old, record(2, lesson_version_id=2011), current_version_only=True)
    assert (status.state, status.reason) == ("missing", "completed, but in an earlier version; not scheduled")


def test_certificates_are_needed_of_latest_completions_until_one_is_passed() -> None:
    rule = {**YEAR, "require_passed": True}
    records = [
        record(1, completed_at="2024-01-01T00:00Z"),
        record(2, completed_at="2025-06-01T00:00Z"),
        record(3, completed_at="2026-01-01T00:00Z"),
    ]
    passed: dict[int, bool] = {}
    asked = []
    while schedule_id := next_certificate(requirement(**rule), records, at=NOW, passed=passed):
        asked.append(schedule_id)
        passed[schedule_id] = False
    assert asked == [3, 2, 1]
    status = status_of(*records, passed={**passed, 1: True}, **rule)
    assert (status.state, status.lesson_schedule_id) == ("expired", 1)
    status = status_of(*records, passed={3: False, 2: True}, **rule)
    assert (status.state, status.lesson_schedule_id) == ("current", 2)
    assert next_certificate(requirement(**rule), records, at=NOW, passed={3: True}) is None
    assert next_certificate(requirement(**YEAR), records, at=NOW, passed={}) is None


def test_completion_with_a_failed_test_never_expires_because_it_never_counted() -> None:
    failed = record(completed_at="2024-01-01T00:00Z")
    status = status_of(failed, passed={1: False}, **YEAR, require_passed=True)
    assert (status.state, status.expires_at, status.completed_schedule_id) == ("missing", None, None)


def test_failed_test_is_named_in_reason() -> None:
    failed = record(completed_at="2026-01-01T00:00Z")
    status = status_of(failed, passed={1: False}, require_passed=True)
    assert (status.state, status.completed_at) == ("missing", None)
    assert status.reason == "completed, but with a failed test; not scheduled"


def test_lesson_needs_schedule_unless_current_or_scheduled() -> None:
    expiring = record(completed_at="2025-04-01T00:00Z")
    assert status_of(expiring, **YEAR).needs_schedule
    assert not status_of(expiring, record(2), **YEAR).needs_schedule
    assert status_of(record(completed_at="2024-04-01T00:00Z"), **YEAR).needs_schedule
    assert status_of().needs_schedule
    assert not status_of(record(completed_at="2026-03-01T00:00Z"), **YEAR).needs_schedule
    assert not status_of(record(state="overdue")).needs_schedule


def test_most_urgent_status_decides_between_rules() -> None:
    completed = record(completed_at="2025-09-01T00:00Z")
    relaxed, strict = status_of(completed, valid_for="2 years"), status_of(completed, valid_for="6 months")
    assert most_urgent_by_lesson([relaxed, strict]) == {strict.requirement.lesson_id: strict}
    assert [state.is_trained for state in TrainingState] == [True, True, False, False, False, False]


@pytest.mark.parametrize("completed", ["0001-01-01T00:00:00.000+0800", "9999-12-31T23:59:59.000-0500"])
def test_dates_at_the_ends_of_the_calendar_are_read(completed: str) -> None:
    row = UserLessonSchedule.model_validate({"id": 1, "lessonId": 201, "lessonCompletedDate": completed})
    at = datetime.max.replace(tzinfo=UTC)
    status = status_of(ScheduleRecord.from_row(row), at=at, **YEAR)
    assert status.state in ("expired", "current", "expiring")
