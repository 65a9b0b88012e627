"""The completed lesson schedules of a period, from the listings of many users, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.types import OMITTED, OptionalUtcDateTime, UtcDateTime
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.completions.completion import CompletedSchedule
from airflow_provider_damstra.exports.row_parsing import parse_lesson_schedule

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_damstra.exports.reader import ResourceReader, RowPage

log = logging.getLogger(__name__)


class CompletionWindow(RequestModel):
    """A period in which lessons were completed."""

    completed_from: UtcDateTime
    """Earliest time, with a time zone."""

    completed_to: OptionalUtcDateTime = OMITTED
    """Time before which the lesson was completed; None for no limit."""

    @model_validator(mode="after")
    def _validate_order(self) -> Self:
        if self.completed_to is not None and self.completed_to <= self.completed_from:
            raise ValueError("completed_to is not later than completed_from")
        return self

    def contains(self, time: datetime) -> bool:
        """Return whether a time is in the period."""
        return self.completed_from <= time and (self.completed_to is None or time < self.completed_to)


def completed_schedules(
    reader: ResourceReader, window: CompletionWindow
) -> Iterator[list[CompletedSchedule]]:
    """Yield the lesson schedules that were completed in a period, each once, in batches of one page.

    A row that cannot be read is among ``reader.failed``, by the user's id.

    :param reader: reads the resource ``lesson_schedules``.
    """
    seen: dict[int | None, set[int]] = {}
    for page in reader.pages():
        known = seen.setdefault(page.parent_id, set())
        found = [one for one in _parse_rows(reader, page) if one.id not in known and _is_in(window, one)]
        known.update(one.id for one in found)
        if page.is_last:
            del seen[page.parent_id]
        if found:
            yield list({one.id: one for one in found}.values())


def _is_in(window: CompletionWindow, completed: CompletedSchedule) -> bool:
    date = completed.row.lesson_completed_date if completed.row else None
    if date is None:
        log.warning("Lesson schedule %d has no time of completion, and is left out.", completed.id)
    return date is not None and window.contains(date)


def _parse_rows(reader: ResourceReader, page: RowPage) -> Iterator[CompletedSchedule]:
    for raw in page.rows:
        try:
            row = parse_lesson_schedule(raw)
        except DamstraResponseError as error:
            reader.failed[page.parent_id or 0] = str(error)
        else:
            # The row may lack the user's id, which the listing was requested with.
            row = row if row.user_id else row.model_copy(update={"user_id": page.parent_id})
            yield CompletedSchedule(row.id, row)
