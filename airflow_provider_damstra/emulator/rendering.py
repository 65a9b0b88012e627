"""Responses: JSON with a date format per resource, the text bodies that Damstra documents, and PDF files."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from starlette.responses import Response

from airflow_provider_damstra.emulator import clock
from airflow_provider_damstra.emulator.api_errors import ApiError
from airflow_provider_damstra.emulator.settings import CLIENT_NAME
from airflow_provider_damstra.models.base import Model, Page
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails
from airflow_provider_damstra.models.lesson_schedule import LessonSchedule, UserLessonSchedule
from airflow_provider_damstra.models.user import CreatedUser, User

JSON = "application/json"

DateFormat = Callable[["datetime"], str]

DATE_FORMATS: dict[type[Model], DateFormat] = {
    User: clock.format_utc_seconds,
    CreatedUser: clock.format_utc_milliseconds,
    Group: clock.format_naive_utc_seconds,
    Lesson: clock.format_utc_seconds,
    LessonDetails: clock.format_utc_seconds,
    LessonSchedule: clock.format_utc_milliseconds,
    UserLessonSchedule: clock.format_utc_milliseconds,
    IltSession: clock.format_local_milliseconds,
    IltSessionAttendee: clock.format_local_milliseconds,
}


def render(result: Model | list[Model] | dict[str, Any] | str | bytes | None) -> Response:
    """Return the response for the result of a handler, depending on its type."""
    if isinstance(result, bytes):
        return Response(result, media_type="application/pdf")
    if result is None or isinstance(result, str):
        return Response(result or "", media_type=JSON)
    if isinstance(result, dict):
        return json_response(result)
    return json_response(_dump(result), date_format=_date_format(result))


def json_response(value: Any, *, status: int = 200, date_format: DateFormat | None = None) -> Response:
    """Return a JSON response, in which datetimes have a format."""
    content = json.dumps(value, separators=(",", ":"), default=date_format)
    return Response(content, status_code=status, media_type=JSON)


def render_error(error: ApiError) -> Response:
    """Return the response of an error."""
    return json_response(error.body, status=error.status)


def _dump(result: Model | list[Model]) -> Any:
    if isinstance(result, list):
        return [_dump(model) for model in result]
    if isinstance(result, Page):
        meta = {} if result.meta is None else {"meta": result.meta.model_dump(by_alias=True)}
        return {"results": _dump(result.results), **meta, **(result.model_extra or {})}
    fields = result.model_dump(by_alias=True, exclude_none=True)
    if isinstance(result, User):
        lists_of_objects = ("groups", "groupsSupervised")
        fields |= {name: [{"id": row_id} for row_id in fields[name]] for name in lists_of_objects}
    return fields


def _date_format(result: Model | list[Model]) -> DateFormat | None:
    models = result.results if isinstance(result, Page) else result
    model = next(iter(models), None) if isinstance(models, list) else models
    return None if model is None else DATE_FORMATS[type(model)]


@lru_cache(1000)
def certificate_pdf(*, trainee: str, lesson: str, completed: datetime, number: int) -> bytes:
    """Return a one-page certificate that a trainee passed a lesson; equal arguments give equal bytes.

    :raises ApiError: 501 if the PDF library is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError:
        message = "Certificates need the extra: pip install 'airflow-provider-damstra[emulator]'"
        body = {"message": message, "error": "Not Implemented", "statusCode": 501}
        raise ApiError(501, body) from None
    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_creation_date(completed)
    pdf.set_title(f"Certificate {number}")
    pdf.add_page()
    pdf.set_y(50)
    lines = (
        (36, "Certificate of Completion"),
        (16, "This certifies that"),
        (28, trainee),
        (16, "has completed and passed"),
        (24, lesson),
        (14, f"{completed.astimezone(clock.ACCOUNT_TZINFO):%d %B %Y}"),
        (10, f"{CLIENT_NAME} - certificate {number} - issued by an emulator"),
    )
    for size, text in lines:
        pdf.set_font("helvetica", size=size)
        # The built-in PDF fonts have no other characters than Latin-1.
        latin_1 = text.encode("latin-1", "replace").decode("latin-1")
        pdf.cell(0, 18, latin_1, align="C", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())
