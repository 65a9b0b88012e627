"""Verification: a webhook is not signed, so its event is compared with the data of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.lesson_schedule import (
    GetLessonSchedule,
    LessonScheduleFilter,
    ListUserLessonSchedules,
)
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.webhooks import events

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule
    from airflow_provider_damstra.models.user import User

ScheduleEvent = events.LessonScheduleCompleted | events.LessonScheduleChanged | events.LessonScheduleCreated
UserEvent = events.UserAccountCreated | events.UserSettingsUpdated | events.UserAccountInactivate
DATE_TOLERANCE = timedelta(seconds=1)


def find_expiry(event: events.KnownEvent, *, received_at: datetime, retention: timedelta) -> str | None:
    """Return why an event was received too late to be accepted, or None if it was not.

    Rows of that age have been purged, so a replay would not be recognized as a duplicate.

    :param retention: how long processed events are kept.
    """
    if event.time_stamp >= received_at - retention:
        return None
    occurred_at, days = event.time_stamp.isoformat(), retention.days
    return (
        f"it occurred at {occurred_at}, before the retention period of {days} days, "
        "so it cannot be distinguished from a replay"
    )


async def find_mismatch(event: events.KnownEvent, client: AsyncClient) -> str | None:
    """Return how the API's data differs from an event, or None if they agree.

    Calls GetLessonSchedule, ListUserLessonSchedules (a few pages) or GetUser.

    :raises DamstraError: if the request to the API failed.
    """
    try:
        if isinstance(event, events.LessonScheduleCancelled):
            return await _check_cancelled(event, client)
        if isinstance(event, ScheduleEvent):
            request = GetLessonSchedule(lesson_schedule_id=event.lesson_schedule_id)
            return _compare_schedule(event, await client.call(request))
        if isinstance(event, UserEvent):
            return _compare_user(event, await client.call(GetUser(user_id=event.user_id)))
    except DamstraNotFoundError as error:
        # The 404 of a proxy proves nothing about Damstra's users and schedules.
        if error.is_from_proxy:
            raise
        return "Damstra has no such schedule or user"
    raise TypeError(f"{type(event).__name__} cannot be verified")


async def _check_cancelled(event: events.LessonScheduleCancelled, client: AsyncClient) -> str | None:
    # GetLessonSchedule returns no status.
    listing = ListUserLessonSchedules(user_id=event.user_id, status=LessonScheduleFilter.CANCELLED)
    async for schedule in client.iterate(listing):
        if schedule.id == event.lesson_schedule_id:
            return None
    return "the user has no such cancelled schedule"


def _compare_schedule(event: ScheduleEvent, schedule: LessonSchedule) -> str | None:
    if schedule.user_id not in (None, event.user_id):
        return f"the schedule is another user's ({schedule.user_id})"
    if isinstance(event, events.LessonScheduleCompleted) and not schedule.is_completed:
        return "the schedule is not completed"
    if isinstance(event, events.LessonScheduleChanged):
        start = schedule.start_date
        if start is None or abs(start - event.schedule_date) >= DATE_TOLERANCE:
            shown = start.astimezone(UTC).isoformat() if start else "unknown"
            return f"the schedule's start is {shown}, not {event.schedule_date.isoformat()}"
    return None


def _compare_user(event: UserEvent, user: User) -> str | None:
    if isinstance(event, events.UserSettingsUpdated):
        return None
    if isinstance(event, events.UserAccountInactivate) and user.is_active:
        return "the user is active"
    is_same = user.user_name is None or match_key(user.user_name) == match_key(event.user_name)
    return None if is_same else f"user {user.id} has another user name"
