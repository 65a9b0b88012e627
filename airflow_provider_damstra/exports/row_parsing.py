"""Rows of exports as models."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.raw_pages import RawRow

Row = TypeVar("Row", bound=BaseModel)


def parse_row(model: type[Row], row: RawRow, *, description: str) -> Row:
    """Return a row as a model.

    :param description: what the row is, for the message.
    :raises DamstraResponseError: if it cannot be read; the message contains no value.
    """
    try:
        return decode_leniently(model.model_validate_json, bytes(row))
    except ValidationError as error:
        reason = format_validation_error(error)
    # Not raised in the except block: pydantic's error, which shows the row, would be its context.
    raise DamstraResponseError(f"{description} cannot be read: {reason}")


def parse_lesson_schedule(row: RawRow) -> UserLessonSchedule:
    """Return a row of the resource ``lesson_schedules``, as ``parse_row`` does."""
    return parse_row(UserLessonSchedule, row, description="a lesson schedule")
