"""Looks at events and settles them, with patience for a Damstra that fails."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_damstra.clients.asynchronous import AsyncClient
from airflow_provider_damstra.endpoints.lesson_schedule import (
    GetLessonSchedule,
    LessonScheduleFilter,
    ListUserLessonSchedules,
)
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.errors import DamstraNotFoundError, DamstraRequestError, DamstraResponseError
from airflow_provider_damstra.hooks.connection import load_settings
from airflow_provider_damstra.hooks.metrics import count_server_request
from airflow_provider_damstra.webhooks import outcomes
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError, UnstorableEventError
from airflow_provider_damstra.webhooks.events import (
    EVENT_TYPES,
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

    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.webhooks.config import ReceiverConfig
    from airflow_provider_damstra.webhooks.events import Event
    from airflow_provider_damstra.webhooks.inbox import Row

REQUEST_SECONDS = 10.0

LOOK_SECONDS = 30.0
"""Within which all requests about one event are answered, or it is left for later."""

FIRST_SILENCE = 1.0

LONGEST_SILENCE = 60.0
"""Seconds for which a connection that failed is not asked again: twice as long each time."""

log = logging.getLogger(__name__)


class Ask(Protocol):
    """Runs a function in a thread."""

    def __call__(self, query: Callable[[], Any]) -> Awaitable[Any]:
        """Return what the function returns."""


@dataclass
class Trouble:
    """A connection that cannot be asked at present."""

    reason: str
    silence: float
    until: float

    @property
    def seconds_left(self) -> float:
        """Return for how long nobody is asked."""
        return max(0.0, self.until - time.monotonic())


class Checker:
    """Settles events; what Damstra fails to answer is left for later.

    :param ask: runs a function that uses the database.
    :param ask_secrets: runs a function that asks the secrets backends: if these hang, the database is not
        to wait for them.
    """

    def __init__(self, configuration: ReceiverConfig, *, ask: Ask, ask_secrets: Ask) -> None:
        self._verifies = configuration.verify_events
        self._patience = configuration.verify_patience
        self._window = configuration.retention
        self._ask = ask
        self._ask_secrets = ask_secrets
        self._troubles: dict[str, Trouble] = {}

    async def check(self, conn_id: str, rows: list[Row]) -> None:
        """Settle events of one connection.

        :raises InboxUnavailableError: if the database failed; what is not settled stays as it is.
        """
        doubtful = [(row, event) for row in rows if (event := await self._settle_without_asking(row))]
        if not doubtful:
            return
        trouble = self._troubles.get(conn_id)
        if trouble and trouble.seconds_left:
            await self._fail([row for row, _ in doubtful], trouble.reason, trouble.seconds_left)
            return
        try:
            # What fails is tried again, but not here: it would keep others waiting.
            settings = await self._ask_secrets(partial(load_settings, conn_id))
            once = settings.model_copy(update={"timeout": REQUEST_SECONDS, "max_retries": 0})
            async with AsyncClient(once, observe=count_server_request) as client:
                looks = [self._confirm(row, event, client) for row, event in doubtful]
                done = await asyncio.gather(*looks, return_exceptions=True)
        except Exception as error:
            await self._fail([row for row, _ in doubtful], self._note(conn_id, error))
            return
        for problem in filter(None, done):
            raise problem

    async def _settle_without_asking(self, row: Row) -> Event | None:
        """Settle what Damstra need not, or cannot, be asked about; return the event of what it can."""
        if why := outcomes.given_up(row):
            await self._ask(partial(outcomes.refuse, row, why))
            return None
        try:
            event = known_event(row["name"], row["payload"])
        except ValueError as error:
            await self._ask(partial(outcomes.refuse, row, f"it cannot be read: {error}"))
            return None
        if event and (late := is_too_old(event, received_at=row["received_at"], window=self._window)):
            await self._ask(partial(outcomes.refuse, row, late))
            return None
        if event and self._verifies:
            return event
        await self._accept(row, is_verified=False)
        return None

    async def _confirm(self, row: Row, event: Event, client: AsyncClient) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                why = await contradiction(event, client)
        except TimeoutError:
            await self._fail(
                [row], f"Damstra took longer than {LOOK_SECONDS:.0f} s to show all that is needed"
            )
            return
        except Exception as error:
            await self._fail([row], self._note(row["conn_id"], error), getattr(error, "retry_after", None))
            return
        if self._troubles.pop(row["conn_id"], None):
            log.info("Damstra webhooks: connection %r answers again.", row["conn_id"])
        if why is None:
            await self._accept(row, is_verified=True)
        else:
            await self._ask(partial(outcomes.contradicted, row, why, patience=self._patience))

    async def _accept(self, row: Row, *, is_verified: bool) -> None:
        try:
            await self._ask(partial(outcomes.accept, row, is_verified=is_verified))
        except InboxUnavailableError:
            raise
        except UnstorableEventError as error:
            await self._ask(partial(outcomes.refuse, row, f"it is malformed: {error}"))
        except Exception as error:
            # Airflow could not take it, perhaps because of one DAG: the others are not to wait for that.
            log.exception("Damstra webhooks: Airflow did not take %s.", outcomes.describe(row))
            await self._fail([row], f"Airflow did not take it: {type(error).__name__}: {error}")

    async def _fail(self, rows: list[Row], reason: str, retry_after: float | None = None) -> None:
        for row in rows:
            await self._ask(partial(outcomes.failed, row, reason, retry_after=retry_after))

    def _note(self, conn_id: str, error: Exception) -> str:
        """Return what went wrong. If it would for every event, the connection is left alone for a while."""
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, (DamstraRequestError, DamstraResponseError)):
            return reason
        before = self._troubles.get(conn_id)
        if before and before.seconds_left:
            return reason
        silence = min(2 * before.silence, LONGEST_SILENCE) if before else FIRST_SILENCE
        self._troubles[conn_id] = Trouble(reason, silence, time.monotonic() + silence)
        if before is None or before.reason != reason:
            log.warning("Damstra webhooks: events of connection %r wait. %s", conn_id, reason)
        return reason


SAME_MOMENT = timedelta(seconds=1)


def known_event(name: str, payload: dict[str, Any]) -> Event | None:
    """Return a kept event, or None if its name is not one of Damstra's seven."""
    kind = EVENT_TYPES.get(name)
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
        if error.is_from_proxy:
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
