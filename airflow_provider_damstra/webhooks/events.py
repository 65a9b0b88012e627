"""Models of the seven webhook events, their deduplication keys, and parsing of bodies from any sender."""

from __future__ import annotations

import hashlib
import json
import re
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import AliasChoices, Field
from pydantic_core import from_json

from airflow_provider_damstra import assets
from airflow_provider_damstra.endpoints.types import Identifier
from airflow_provider_damstra.json_repair import repair_json
from airflow_provider_damstra.models.base import Model, Timestamp
from airflow_provider_damstra.models.timestamps import to_utc

MAX_NAME_LENGTH = 200
MAX_NESTING = 20
MAX_INTEGER = 2**63 - 1
"""The greatest value of a database's BIGINT."""

_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)

Name = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_NAME_LENGTH)]

EventId = Annotated[Identifier, Field(le=MAX_INTEGER)]
"""An id; webhooks send it as a string."""

_BOTH_SPELLINGS = AliasChoices("userId", "userID")
UserId = Annotated[EventId, Field(validation_alias=_BOTH_SPELLINGS, serialization_alias="userId")]
"""Id of a user in the events documented with ``userId``. Both spellings are accepted in all events."""

UserID = Annotated[EventId, Field(validation_alias=_BOTH_SPELLINGS, serialization_alias="userID")]
"""Id of a user in the events documented with ``userID``."""


class Event(Model):
    """An event with any name; unknown fields are kept as extra fields."""

    name: Name

    verifiable_fields: ClassVar[frozenset[str]] = frozenset({"name"})
    """Names of the fields that verification compares with the API's data."""

    def occurred_at(self) -> datetime | None:
        """Return the time of the event in UTC, or None if the field with its time is not known."""
        return None

    def dedup_key(self) -> str:
        """Return the key that all deliveries of this event have: a hash of all its fields."""
        return _hash(self.model_dump(mode="json", by_alias=True))

    def polling_dedup_key(self) -> str | None:
        """Return the key that the event has when polling finds it, or None if polling cannot find it."""
        return None


class KnownEvent(Event):
    """Fields that the seven events have."""

    time_stamp: Timestamp

    def occurred_at(self) -> datetime:
        """Return the time of the event in UTC, clamped to what a database returns in every time zone."""
        return min(max(to_utc(self.time_stamp), _EARLIEST), _LATEST)

    def dedup_key(self) -> str:
        """Return a hash of the fields of the event's model: unknown fields may differ between deliveries."""
        return _hash(self.model_dump(mode="json", include=set(type(self).model_fields)))

    def polling_dedup_key(self) -> str | None:
        """Return a hash of name, schedule and user, for events of schedules.

        Polling finds neither the time nor the reason. The user is part of the key, so that an event forged
        with another user does not hide the real one until it is refused.
        """
        if "lesson_schedule_id" not in type(self).model_fields:
            return None
        fields = {"name", "lesson_schedule_id", "user_id"}
        return _hash({"seen": self.model_dump(mode="json", include=fields)})


_USER_FIELDS = frozenset({"name", "user_id"})
_SCHEDULE_FIELDS = _USER_FIELDS | {"lesson_schedule_id"}


class LessonScheduleCompleted(KnownEvent):
    """A trainee completed a scheduled lesson."""

    verifiable_fields = _SCHEDULE_FIELDS
    lesson_schedule_id: EventId
    user_id: UserId


class LessonScheduleChanged(KnownEvent):
    """A schedule was moved to another date."""

    verifiable_fields = _SCHEDULE_FIELDS | {"schedule_date"}
    schedule_date: Timestamp
    lesson_schedule_id: EventId
    user_id: UserID

    def polling_dedup_key(self, *, after: int | None = None) -> str:
        """Return a key that includes the new date to the second: a schedule can be moved many times.

        :param after: inbox id of the last change to another date before this one; it distinguishes a change
            back to an earlier date.
        """
        ids = {"schedule": self.lesson_schedule_id, "user": self.user_id}
        fields = {"seen": self.name, **ids, "to": int(self.schedule_date.timestamp())}
        return _hash(fields if after is None else {**fields, "after": after})


class LessonScheduleCreated(KnownEvent):
    """A lesson was scheduled for a user."""

    verifiable_fields = _SCHEDULE_FIELDS
    lesson_schedule_id: EventId
    user_id: UserID


class LessonScheduleCancelled(KnownEvent):
    """A schedule was cancelled."""

    verifiable_fields = _SCHEDULE_FIELDS
    lesson_schedule_id: EventId
    user_id: UserID
    cancellation_reason: str


class UserAccountCreated(KnownEvent):
    """A user was created."""

    verifiable_fields = _USER_FIELDS | {"user_name"}
    first_name: str
    last_name: str
    user_name: str
    user_id: UserId


class UserSettingsUpdated(KnownEvent):
    """A user's settings were changed, by the user or by another one. The API confirms only that user."""

    verifiable_fields = _USER_FIELDS
    user_id: UserId
    acting_user_id: Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]


class UserAccountInactivate(KnownEvent):
    """A user was made inactive."""

    verifiable_fields = _USER_FIELDS | {"user_name"}
    user_name: str
    user_id: UserId


EVENT_TYPES: dict[str, type[KnownEvent]] = {
    assets.SCHEDULE_COMPLETED: LessonScheduleCompleted,
    assets.SCHEDULE_CHANGED: LessonScheduleChanged,
    assets.SCHEDULE_CREATED: LessonScheduleCreated,
    assets.SCHEDULE_CANCELLED: LessonScheduleCancelled,
    assets.USER_CREATED: UserAccountCreated,
    assets.USER_UPDATED: UserSettingsUpdated,
    assets.USER_INACTIVATED: UserAccountInactivate,
}


def verifiable_fields(name: str) -> frozenset[str]:
    """Return the names of the fields of an event that verification compares with the API's data."""
    return EVENT_TYPES.get(name, Event).verifiable_fields


def event_ids(payload: dict[str, Any]) -> dict[str, int | None]:
    """Return the ids of schedule and user in a stored payload; None for those that are not ids.

    The sender of an event with an unknown name chooses the type and length of its fields.
    """
    ids = {name: payload.get(name) for name in ("lesson_schedule_id", "user_id")}
    return {
        name: value if type(value) is int and 0 < value <= MAX_INTEGER else None
        for name, value in ids.items()
    }


def body_fields(name: str) -> tuple[str, ...]:
    """Return an event's field names other than name and time, in the vendor's spelling and order."""
    fields = EVENT_TYPES[name].model_fields
    return tuple(
        fields[field].serialization_alias or field for field in fields if field not in KnownEvent.model_fields
    )


_ESCAPE = re.compile(rb"\\(?:(?P<nul>u0000)|.)", re.DOTALL)


def parse_event(body: bytes) -> Event:
    """Parse the body of a webhook.

    :param body: JSON, repaired where that is possible. Lone surrogates and NUL, which databases cannot store,
        become U+FFFD.
    :returns: an instance of the model of its name, or an :class:`Event` if the name is unknown.
    :raises ValueError: if the body is not JSON, is nested too deeply, or does not match the model.
    """
    repaired = repair_json(body).lstrip(BOM_UTF8)
    text = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["nul"] else escape[0], repaired)
    content: Any = from_json(text, allow_inf_nan=False)
    name = content.get("name") if isinstance(content, dict) else None
    return EVENT_TYPES.get(name if isinstance(name, str) else "", Event).model_validate(content)


def parse_body(body: bytes) -> tuple[Event, dict[str, Any]]:
    """Parse and validate the event in a body.

    :returns: the event, and its payload as the inbox stores it.
    :raises ValueError: if it is not an event, or has values that cannot be stored.
    """
    event = parse_event(body)
    payload: dict[str, Any] = event.model_dump(mode="json")
    _validate_nesting(payload, depth=1)
    # The payload is parsed again before verification: fields given in two spellings must agree.
    stored = type(event).model_validate(payload)
    if any(getattr(stored, field) != getattr(event, field) for field in type(event).model_fields):
        raise ValueError("it has two different values for one field")
    return event, payload


def _validate_nesting(value: Any, *, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if depth > MAX_NESTING:
            raise ValueError(f"it is nested more than {MAX_NESTING} deep")
        for item in value.values() if isinstance(value, dict) else value:
            _validate_nesting(item, depth=depth + 1)


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
