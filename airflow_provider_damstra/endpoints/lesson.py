"""Operations on lessons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.endpoints.types import CommaSeparatedIds, comma_separated
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails, LessonStatus

if TYPE_CHECKING:
    _PublishedStates = tuple[LessonStatus, ...]
else:
    _PublishedStates = comma_separated(LessonStatus)


class ListLessons(ListEndpoint[Lesson], path="/lesson"):
    """Search lessons, one row per version: ``q`` in the name."""

    q: str | None = None
    lesson_ids: CommaSeparatedIds | None = None
    published_states: _PublishedStates | None = None


class ListLessonDetails(ListEndpoint[LessonDetails], path="/lessondetails"):
    """Search lessons with their publishing details, one row per version: ``q`` in the name."""

    q: str | None = None
    lesson_ids: CommaSeparatedIds | None = None
    published_states: _PublishedStates | None = None
