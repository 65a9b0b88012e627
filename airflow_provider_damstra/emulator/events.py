"""The seven webhook events: their names, and the members of each with the vendor's own spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.dates import milliseconds_in_utc

if TYPE_CHECKING:
    from datetime import datetime

MEMBERS = {
    "lesson.schedule.completed": ("lessonScheduleId", "userId"),
    "lesson.schedule.changed": ("scheduleDate", "lessonScheduleId", "userID"),
    "lesson.schedule.created": ("lessonScheduleId", "userID"),
    "lesson.schedule.cancelled": ("lessonScheduleId", "userID", "cancellationReason"),
    "user.account.created": ("firstName", "lastName", "userName", "userId"),
    "user.settings.updated": ("userId", "actingUserId"),
    "user.account.inactivate": ("userName", "userId"),
}


def event(name: str, *values: object, at: datetime) -> dict[str, str]:
    """Return an event's body: all members are texts, ids too."""
    members = zip(MEMBERS[name], map(str, values), strict=True)
    return {"name": name, **dict(members), "timeStamp": milliseconds_in_utc(at)}
