"""Operations on lessons."""

from __future__ import annotations

from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.endpoints.types import CommaSeparated, Identifier
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails, LessonStatus


class ListLessons(ListEndpoint[Lesson], path="/lesson"):
    """Search lessons, one row per version: ``q`` in the name."""

    q: str | None = None
    lesson_ids: CommaSeparated[Identifier] | None = None
    published_states: CommaSeparated[LessonStatus] | None = None


class ListLessonDetails(ListEndpoint[LessonDetails], path="/lessondetails"):
    """Search lessons with their publishing details, one row per version: ``q`` in the name."""

    q: str | None = None
    lesson_ids: CommaSeparated[Identifier] | None = None
    published_states: CommaSeparated[LessonStatus] | None = None
