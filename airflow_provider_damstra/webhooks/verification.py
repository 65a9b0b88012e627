"""Verification: a webhook is not signed, so its event is compared with the data of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.lesson_schedule import (
    GetLessonSchedule,
    LessonScheduleFilter,
    ListUserLessonSchedules,
)
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.webhooks import events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule
    from airflow_provider_damstra.models.user import User

DATE_TOLERANCE = timedelta(seconds=1)


def parse_stored_event(name: str, payload: dict[str, Any]) -> events.Event | None:
    """Return a stored event, or None if its name is not one of Damstra's seven.

    :raises ValueError: if the payload does not match the event's model.
    """
    model = events.EVENT_TYPES.get(name)
    return None if model is None else model.model_validate(payload)


def find_expiry(event: events.Event, *, received_at: datetime, retention: timedelta) -> str | None:
    """Return why an event was received too late to be accepted, or None if it was not.

    Rows of that age have been purged, so a replay would not be recognized as a duplicate.

    :param retention: how long processed events are kept.
    """
    if event.time_stamp >= received_at - retention:
        return None
    return (
        f"it happened at {event.time_stamp.isoformat()}, before what is still kept ({retention.days} days), "
        "so that it cannot be told from a repetition"
    )


async def find_mismatch(event: events.Event, client: AsyncClient) -> str | None:
    """Return how the API's data differs from an event, or None if they agree.

    Calls GetLessonSchedule, ListUserLessonSchedules (a few pages) or GetUser.

    :raises DamstraError: if the API could not be asked.
    """
    try:
        return await _CHECKS[type(event)](event, client)
    except DamstraNotFoundError as error:
        # The 404 of a proxy says nothing about Damstra's users and schedules.
        if error.is_from_proxy:
            raise
        return "Damstra has no such schedule or user"


async def _get_schedule(event: Any, client: AsyncClient) -> tuple[LessonSchedule, str | None]:
    """Return the event's schedule, and the mismatch of its user, if any."""
    schedule = await client.call(GetLessonSchedule(lesson_schedule_id=event.lesson_schedule_id))
    user_id = schedule.user_id
    is_same = user_id in (None, event.user_id)
    return schedule, None if is_same else f"the schedule is another user's ({user_id})"


async def _check_completed(event: events.LessonScheduleCompleted, client: AsyncClient) -> str | None:
    schedule, mismatch = await _get_schedule(event, client)
    return mismatch or (None if schedule.is_completed else "the schedule is not completed")


async def _check_changed(event: events.LessonScheduleChanged, client: AsyncClient) -> str | None:
    schedule, mismatch = await _get_schedule(event, client)
    start = schedule.start_date
    if start is not None and abs(start - event.schedule_date) < DATE_TOLERANCE:
        return mismatch
    shown = start.astimezone(UTC).isoformat() if start else "unknown"
    return mismatch or f"the schedule's start is {shown}, not {event.schedule_date.isoformat()}"


async def _check_created(event: events.LessonScheduleCreated, client: AsyncClient) -> str | None:
    return (await _get_schedule(event, client))[1]


async def _check_cancelled(event: events.LessonScheduleCancelled, client: AsyncClient) -> str | None:
    # GetLessonSchedule returns no status.
    listing = ListUserLessonSchedules(user_id=event.user_id, status=LessonScheduleFilter.CANCELLED)
    async for schedule in client.iterate(listing):
        if schedule.id == event.lesson_schedule_id:
            return None
    return "the user has no such cancelled schedule"


async def _check_user_created(event: events.UserAccountCreated, client: AsyncClient) -> str | None:
    return _compare_user_name(event.user_name, await _get_user(event, client))


async def _check_user_updated(event: events.UserSettingsUpdated, client: AsyncClient) -> str | None:
    await _get_user(event, client)
    return None


async def _check_user_inactivated(event: events.UserAccountInactivate, client: AsyncClient) -> str | None:
    user = await _get_user(event, client)
    return "the user is active" if user.is_active else _compare_user_name(event.user_name, user)


async def _get_user(event: Any, client: AsyncClient) -> User:
    return await client.call(GetUser(user_id=event.user_id))


def _compare_user_name(name: str, user: User) -> str | None:
    is_same = user.user_name is None or user.user_name.casefold() == name.casefold()
    return None if is_same else f"user {user.id} has another user name"


_CHECKS: dict[type[events.Event], Callable[[Any, AsyncClient], Awaitable[str | None]]] = {
    events.LessonScheduleCompleted: _check_completed,
    events.LessonScheduleChanged: _check_changed,
    events.LessonScheduleCreated: _check_created,
    events.LessonScheduleCancelled: _check_cancelled,
    events.UserAccountCreated: _check_user_created,
    events.UserSettingsUpdated: _check_user_updated,
    events.UserAccountInactivate: _check_user_inactivated,
}
