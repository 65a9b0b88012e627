"""How answers look on the wire: each resource has a date format of its own, and some bodies are no JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_damstra.emulator import clock as dates
from airflow_provider_damstra.models.base import Model, Page
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails
from airflow_provider_damstra.models.lesson_schedule import LessonSchedule, UserLessonSchedule
from airflow_provider_damstra.models.user import CreatedUser, User

if TYPE_CHECKING:
    from datetime import datetime

JSON = "application/json"

DATES: dict[type[Model], Callable[[datetime], str]] = {
    User: dates.seconds_in_utc,
    CreatedUser: dates.milliseconds_in_utc,
    Group: dates.seconds_without_zone,
    Lesson: dates.seconds_in_utc,
    LessonDetails: dates.seconds_in_utc,
    LessonSchedule: dates.milliseconds_in_utc,
    UserLessonSchedule: dates.milliseconds_in_utc,
    IltSession: dates.milliseconds_in_own_zone,
    IltSessionAttendee: dates.milliseconds_in_own_zone,
}

_REFERENCES = ("groups", "groupsSupervised")

Render = Callable[[Any], Response]


def json_response(
    value: Any, *, status: int = 200, date: Callable[[datetime], str] | None = None
) -> Response:
    """Return the answer that holds a JSON value, whose moments are written as ``date`` does."""
    return Response(
        json.dumps(value, separators=(",", ":"), default=date), status_code=status, media_type=JSON
    )


def as_json(answer: Model | list[Model]) -> Response:
    """Return the answer for a model, a page or a list of models."""
    return json_response(_members(answer), date=_date(answer))


def as_ids(ids: list[int]) -> Response:
    """Return ``{"ids": [...]}``."""
    return json_response({"ids": ids})


def as_nothing(_: None) -> Response:
    """Return an empty body."""
    return Response(b"", media_type=JSON)


def as_status_line(_: None) -> Response:
    """Return the text that stands on the vendor's page where a body should be, called JSON there too."""
    return Response("HTTP/1.1 200 OK", media_type=JSON)


def as_bare_text(text: str) -> Response:
    """Return a text without quotes that is called JSON, as the vendor's page shows it."""
    return Response(text, media_type=JSON)


def as_embed_url(url: str) -> Response:
    """Return ``{"embedUrl": "..."}``."""
    return json_response({"embedUrl": url})


def as_pdf(content: bytes) -> Response:
    """Return a PDF file."""
    return Response(content, media_type="application/pdf")


def _members(answer: Model | list[Model]) -> Any:
    if isinstance(answer, list):
        return [_members(one) for one in answer]
    if isinstance(answer, Page):
        meta = {} if answer.meta is None else {"meta": answer.meta.model_dump(by_alias=True)}
        return {"results": _members(answer.results), **meta, **(answer.model_extra or {})}
    members = answer.model_dump(by_alias=True, exclude_none=True)
    if isinstance(answer, User):
        members |= {name: [{"id": one} for one in members[name]] for name in _REFERENCES}
    return members


def _date(answer: Model | list[Model]) -> Callable[[datetime], str] | None:
    rows = answer.results if isinstance(answer, Page) else answer
    one = next(iter(rows), None) if isinstance(rows, list) else rows
    return None if one is None else DATES[type(one)]
