"""Verification: a webhook is not signed, so its event is compared with the data of the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.lesson_schedule import (
    GetLessonSchedule,
    LessonScheduleFilter,
    ListUserLessonSchedules,
)
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.models.timestamps import to_utc
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


class EventMismatchError(Exception):
    """The API's data differs from an event; the message describes the difference."""


async def verify(event: events.KnownEvent, client: AsyncClient) -> frozenset[str]:
    """Compare an event with the API's data, and return the names of its fields that the API confirmed.

    Calls GetLessonSchedule, ListUserLessonSchedules (a few pages) or GetUser.

    :raises EventMismatchError: if they differ.
    :raises DamstraError: if the request to the API failed.
    """
    missing = set()
    try:
        if isinstance(event, events.LessonScheduleCancelled):
            await _check_cancelled(event, client)
        elif isinstance(event, ScheduleEvent):
            request = GetLessonSchedule(lesson_schedule_id=event.lesson_schedule_id)
            schedule = await client.call(request)
            _compare_schedule(event, schedule)
            missing = {"user_id"} if schedule.user_id is None else set()
        elif isinstance(event, UserEvent):
            user = await client.call(GetUser(user_id=event.user_id))
            _compare_user(event, user)
            missing = {"user_name"} if user.user_name is None else set()
        else:
            raise TypeError(f"{type(event).__name__} cannot be verified")
    except DamstraNotFoundError as error:
        # The 404 of a proxy proves nothing about Damstra's users and schedules.
        if error.is_from_proxy:
            raise
        raise EventMismatchError("Damstra has no such schedule or user") from None
    return event.verifiable_fields - missing


async def _check_cancelled(event: events.LessonScheduleCancelled, client: AsyncClient) -> None:
    # GetLessonSchedule returns no status.
    listing = ListUserLessonSchedules(user_id=event.user_id, status=LessonScheduleFilter.CANCELLED)
    async for schedule in client.iterate(listing):
        if schedule.id == event.lesson_schedule_id:
            return
    raise EventMismatchError("the user has no such cancelled schedule")


def _compare_schedule(event: ScheduleEvent, schedule: LessonSchedule) -> None:
    if schedule.user_id not in (None, event.user_id):
        raise EventMismatchError(f"the schedule is another user's ({schedule.user_id})")
    if isinstance(event, events.LessonScheduleCompleted) and not schedule.is_completed:
        raise EventMismatchError("the schedule is not completed")
    if isinstance(event, events.LessonScheduleChanged):
        start = schedule.start_date
        if start is None or abs(start - event.schedule_date) >= DATE_TOLERANCE:
            shown = to_utc(start).isoformat() if start else "unknown"
            raise EventMismatchError(
                f"the schedule's start is {shown}, not {event.schedule_date.isoformat()}"
            )


def _compare_user(event: UserEvent, user: User) -> None:
    if isinstance(event, events.UserSettingsUpdated):
        return
    if isinstance(event, events.UserAccountInactivate) and user.is_active:
        raise EventMismatchError("the user is active")
    if user.user_name is not None and match_key(user.user_name) != match_key(event.user_name):
        raise EventMismatchError(f"user {user.id} has another user name")
