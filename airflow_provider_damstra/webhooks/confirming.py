"""Whether Damstra knows of what an event says: a webhook is a hint that anybody with its address can give."""

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
from airflow_provider_damstra.webhooks.events import (
    EVENTS,
    Event,
    LessonScheduleCancelled,
    LessonScheduleChanged,
    LessonScheduleCompleted,
    LessonScheduleCreated,
    UserAccountCreated,
    UserAccountInactivate,
    UserSettingsUpdated,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_damstra.clients.asynchronous import AsyncClient
    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule
    from airflow_provider_damstra.models.user import User

SAME_MOMENT = timedelta(seconds=1)


def known_event(name: str, payload: dict[str, Any]) -> Event | None:
    """Return a kept event, or None if its name is not one of Damstra's seven."""
    kind = EVENTS.get(name)
    return None if kind is None else kind.model_validate(payload)


def is_too_old(event: Event, *, received_at: datetime, window: timedelta) -> str | None:
    """Return why an event that arrives so late is refused, or None if it is not.

    It may have been received, and forgotten, before: it would be taken twice.

    :param window: how long events are kept, and so told from their repetitions.
    """
    if event.time_stamp >= received_at - window:
        return None
    return (
        f"it happened at {event.time_stamp.isoformat()}, before what is still kept ({window.days} days), "
        "so that it cannot be told from a repetition"
    )


async def contradiction(event: Event, client: AsyncClient) -> str | None:
    """Return what in Damstra contradicts an event, or None if the event is so. Asks at most a few pages.

    :raises DamstraError: if Damstra could not be asked.
    """
    try:
        return await _LOOKS[type(event)](event, client)
    except DamstraNotFoundError as error:
        # A proxy's page says nothing of Damstra's users and schedules.
        if error.is_foreign:
            raise
        return "Damstra has no such schedule or user"


async def _schedule_of(event: Any, client: AsyncClient) -> tuple[LessonSchedule, str | None]:
    schedule = await client.call(GetLessonSchedule(lesson_schedule_id=event.lesson_schedule_id))
    owner = schedule.user_id
    wrong = None if owner in (None, event.user_id) else f"the schedule is another user's ({owner})"
    return schedule, wrong


async def _completed(event: LessonScheduleCompleted, client: AsyncClient) -> str | None:
    schedule, wrong = await _schedule_of(event, client)
    return wrong or (None if schedule.is_completed else "the schedule is not completed")


async def _changed(event: LessonScheduleChanged, client: AsyncClient) -> str | None:
    schedule, wrong = await _schedule_of(event, client)
    start = schedule.start_date
    if start is not None and abs(start - event.schedule_date) < SAME_MOMENT:
        return wrong
    shown = start.astimezone(UTC).isoformat() if start else "unknown"
    return wrong or f"the schedule's start is {shown}, not {event.schedule_date.isoformat()}"


async def _created(event: LessonScheduleCreated, client: AsyncClient) -> str | None:
    return (await _schedule_of(event, client))[1]


async def _cancelled(event: LessonScheduleCancelled, client: AsyncClient) -> str | None:
    # A schedule asked for by its id has no status.
    listing = ListUserLessonSchedules(user_id=event.user_id, status=LessonScheduleFilter.CANCELLED)
    async for schedule in client.iterate(listing):
        if schedule.id == event.lesson_schedule_id:
            return None
    return "the user has no such cancelled schedule"


async def _user_created(event: UserAccountCreated, client: AsyncClient) -> str | None:
    return _other_name(event.user_name, await _user_of(event, client))


async def _user_updated(event: UserSettingsUpdated, client: AsyncClient) -> str | None:
    await _user_of(event, client)
    return None


async def _user_inactivated(event: UserAccountInactivate, client: AsyncClient) -> str | None:
    user = await _user_of(event, client)
    return "the user is active" if user.is_active else _other_name(event.user_name, user)


async def _user_of(event: Any, client: AsyncClient) -> User:
    return await client.call(GetUser(user_id=event.user_id))


def _other_name(name: str, user: User) -> str | None:
    is_same = user.user_name is None or user.user_name.casefold() == name.casefold()
    return None if is_same else f"user {user.id} has another user name"


_LOOKS: dict[type[Event], Callable[[Any, AsyncClient], Awaitable[str | None]]] = {
    LessonScheduleCompleted: _completed,
    LessonScheduleChanged: _changed,
    LessonScheduleCreated: _created,
    LessonScheduleCancelled: _cancelled,
    UserAccountCreated: _user_created,
    UserSettingsUpdated: _user_updated,
    UserAccountInactivate: _user_inactivated,
}
