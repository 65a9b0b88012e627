"""The seven webhook events: their names, their fields with the vendor's own spelling, and their reading."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import AliasChoices, Field
from pydantic_core import from_json

from airflow_provider_damstra import assets
from airflow_provider_damstra.models.base import Model, Timestamp

_EITHER = AliasChoices("userId", "userID")
UserId = Annotated[int, Field(validation_alias=_EITHER, serialization_alias="userId")]
"""The user's id; both spellings are read, whichever the page shows for the event."""

UserID = Annotated[int, Field(validation_alias=_EITHER, serialization_alias="userID")]
"""The same id in the events whose body spells it ``userID``."""


class Event(Model):
    """What every event holds; fields that this provider does not know are kept."""

    name: str
    time_stamp: Timestamp

    def dedup_key(self) -> str:
        """Return what two deliveries of one event have in common: its known fields, however spelled."""
        known = self.model_dump(mode="json", include=set(type(self).model_fields))
        return _digest(known)

    def polling_dedup_key(self) -> str | None:
        """Return what this has in common with the same event seen by polling; None if it cannot be seen.

        Who looks learns neither the moment nor the reason, only what happened to which schedule of whom. (An
        event forged of another user will be refused, and is not to pass for the true one until then.)
        """
        if "lesson_schedule_id" not in type(self).model_fields:
            return None
        return _digest(
            {"seen": self.model_dump(mode="json", include={"name", "lesson_schedule_id", "user_id"})}
        )


class UnknownEvent(Model):
    """An event of a name that this provider does not know, kept as it came."""

    name: Annotated[str, Field(strict=True)]

    def dedup_key(self) -> str:
        """Return what two deliveries of one event have in common: all of it."""
        return _digest(self.model_dump(mode="json", by_alias=True))

    def polling_dedup_key(self) -> None:
        """Return that polling sees no such event."""


class LessonScheduleCompleted(Event):
    """A trainee completed a scheduled lesson."""

    lesson_schedule_id: int
    user_id: UserId


class LessonScheduleChanged(Event):
    """A schedule was moved to another date."""

    schedule_date: Timestamp
    lesson_schedule_id: int
    user_id: UserID

    def polling_dedup_key(self, *, after: int | None = None) -> str:
        """Return also which date it was moved to, to the second: a schedule can be moved many times.

        :param after: which move to elsewhere came before, if it was there before that.
        """
        moved_to = int(self.schedule_date.timestamp())
        ids = {"schedule": self.lesson_schedule_id, "user": self.user_id}
        what = {"seen": self.name, **ids, "to": moved_to}
        return _digest(what if after is None else {**what, "after": after})


class LessonScheduleCreated(Event):
    """A lesson was scheduled for a user."""

    lesson_schedule_id: int
    user_id: UserID


class LessonScheduleCancelled(Event):
    """A schedule was cancelled."""

    lesson_schedule_id: int
    user_id: UserID
    cancellation_reason: str


class UserAccountCreated(Event):
    """A user was created."""

    first_name: str
    last_name: str
    user_name: str
    user_id: UserId


class UserSettingsUpdated(Event):
    """A user's settings were changed, by themselves or by another user."""

    user_id: UserId
    acting_user_id: int


class UserAccountInactivate(Event):
    """A user was made inactive."""

    user_name: str
    user_id: UserId


EVENT_TYPES: dict[str, type[Event]] = {
    assets.SCHEDULE_COMPLETED: LessonScheduleCompleted,
    assets.SCHEDULE_CHANGED: LessonScheduleChanged,
    assets.SCHEDULE_CREATED: LessonScheduleCreated,
    assets.SCHEDULE_CANCELLED: LessonScheduleCancelled,
    assets.USER_CREATED: UserAccountCreated,
    assets.USER_UPDATED: UserSettingsUpdated,
    assets.USER_INACTIVATED: UserAccountInactivate,
}


def body_fields(name: str) -> tuple[str, ...]:
    """Return the fields of an event's body beside name and time, spelled and ordered as the page does."""
    fields = EVENT_TYPES[name].model_fields
    return tuple(
        fields[field].serialization_alias or field for field in fields if field not in Event.model_fields
    )


def parse_event(body: bytes) -> Event | UnknownEvent:
    """Return the event in a webhook's body.

    :raises ValueError: The body is no JSON, is nested too deeply, or lacks what its event holds.
    """
    content: Any = from_json(body, allow_inf_nan=False)
    name = content.get("name") if isinstance(content, dict) else None
    return EVENT_TYPES.get(name if isinstance(name, str) else "", UnknownEvent).model_validate(content)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
