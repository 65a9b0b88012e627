"""Operations on lessons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Argument,
    CommaSeparated,
    OptionalCommaSeparatedIds,
)
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails, LessonStatus

PublishedStates = Argument[
    Sequence[LessonStatus | Literal["active", "inactive", "never", "rendering", "error"]] | str | None,
    CommaSeparated[LessonStatus] | None,
]
"""Statuses of lessons."""


class ListLessons(ListEndpoint[Lesson], path="/lesson"):
    """Search lessons, one row per version: ``q`` in the name."""

    q: str | None = None
    """Text in the name."""

    lesson_ids: OptionalCommaSeparatedIds = OMITTED
    """Ids of the lessons."""

    published_states: PublishedStates = OMITTED
    """Publishing statuses."""


class ListLessonDetails(ListEndpoint[LessonDetails], path="/lessondetails"):
    """Search lessons with their publishing details, one row per version: ``q`` in the name."""

    q: str | None = None
    """Text in the name."""

    lesson_ids: OptionalCommaSeparatedIds = OMITTED
    """Ids of the lessons."""

    published_states: PublishedStates = OMITTED
    """Publishing statuses."""
