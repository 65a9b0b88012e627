"""Responses: JSON with a date format per resource, the text bodies of some operations, and PDF files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_damstra.emulator import api_errors, clock
from airflow_provider_damstra.emulator.settings import CLIENT_NAME
from airflow_provider_damstra.models.base import Model, Page
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails
from airflow_provider_damstra.models.lesson_schedule import LessonSchedule, UserLessonSchedule
from airflow_provider_damstra.models.user import CreatedUser, User

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_damstra.endpoints.base import Endpoint

JSON = "application/json"

Renderer = Callable[[Any], Response]
DateFormat = Callable[["datetime"], str]

_DATE_FORMATS: dict[type[Model], DateFormat] = {
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

# Lists of ids that users have as lists of objects: ``[{"id": 1}]``.
_REFERENCES = ("groups", "groupsSupervised")


def default_renderer(endpoint: type[Endpoint[Any]]) -> Renderer:
    """Return the renderer of the endpoint's result type."""
    renderers: dict[Any, Renderer] = {None: render_empty, type(None): render_empty, bytes: render_pdf}
    return renderers.get(endpoint.result_type(), render_model)


def json_response(value: Any, *, status: int = 200, date_format: DateFormat | None = None) -> Response:
    """Return a JSON response, in which datetimes have a format."""
    content = json.dumps(value, separators=(",", ":"), default=date_format)
    return Response(content, status_code=status, media_type=JSON)


def render_error(error: api_errors.ApiError) -> Response:
    """Return the response of an error."""
    return json_response(error.body, status=error.status)


def render_model(result: Model | list[Model]) -> Response:
    """Return a model, a page or a list of models as JSON."""
    return json_response(_dump(result), date_format=_date_format(result))


def render_ids(ids: list[int]) -> Response:
    """Return ``{"ids": [...]}``."""
    return json_response({"ids": ids})


def render_embed_url(url: str) -> Response:
    """Return ``{"embedUrl": "..."}``."""
    return json_response({"embedUrl": url})


def render_empty(_: None) -> Response:
    """Return an empty body."""
    return Response(b"", media_type=JSON)


def render_status_line(_: None) -> Response:
    """Return a status line as the body, declared as JSON, as Damstra documents it."""
    return Response("HTTP/1.1 200 OK", media_type=JSON)


def render_unquoted_text(text: str) -> Response:
    """Return a text without quotes, declared as JSON, as Damstra documents it."""
    return Response(text, media_type=JSON)


def render_pdf(content: bytes) -> Response:
    """Return a PDF file."""
    return Response(content, media_type="application/pdf")


def _dump(result: Model | list[Model]) -> Any:
    if isinstance(result, list):
        return [_dump(model) for model in result]
    if isinstance(result, Page):
        meta = {} if result.meta is None else {"meta": result.meta.model_dump(by_alias=True)}
        return {"results": _dump(result.results), **meta, **(result.model_extra or {})}
    fields = result.model_dump(by_alias=True, exclude_none=True)
    if isinstance(result, User):
        fields |= {name: [{"id": row_id} for row_id in fields[name]] for name in _REFERENCES}
    return fields


def _date_format(result: Model | list[Model]) -> DateFormat | None:
    models = result.results if isinstance(result, Page) else result
    model = next(iter(models), None) if isinstance(models, list) else models
    return None if model is None else _DATE_FORMATS[type(model)]


def certificate_pdf(*, trainee: str, lesson: str, completed: datetime, number: int) -> bytes:
    """Return a one-page certificate that a trainee passed a lesson; equal arguments give equal bytes.

    :raises ApiError: 501 if the PDF library is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError:
        raise api_errors.missing_pdf_library() from None
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
