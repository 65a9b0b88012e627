"""Lessons and their versions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from airflow_provider_damstra.models.base import Model, NullableList, Number, OptionalTimestamp


class LessonStatus(StrEnum):
    """The publishing status of a lesson; only an active one can be scheduled."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    NEVER = "never"
    RENDERING = "rendering"
    ERROR = "error"


class LessonVersionCustomField(Model):
    """A custom field's value on one version of a lesson."""

    id: int | None = None
    lesson_version_id: int | None = None
    custom_field_id: int | None = None
    custom_field_description: str | None = None
    field_id: str | None = None
    type: str | None = None
    value: str | None = None
    created_date: OptionalTimestamp = None
    modified_date: OptionalTimestamp = None


class _LessonVersion(Model):
    """One version of a lesson, the row of both listings. ``duration`` is in milliseconds."""

    row_key_field = "lesson_version_id"

    lesson_version_id: int
    lesson_id: int | None = None
    name: str | None = None
    duration: Number | None = None
    status: Annotated[LessonStatus | str | None, Field(union_mode="left_to_right")] = None
    in_library: bool | None = None
    version: int | None = None
    client_id: int | None = None

    @property
    def can_be_scheduled(self) -> bool:
        """Return whether users can be scheduled to this version."""
        return self.status == LessonStatus.ACTIVE


class Lesson(_LessonVersion):
    """One version of a lesson, with its custom fields."""

    questionnaire_type: int | None = None
    lesson_version_custom_fields: NullableList[LessonVersionCustomField] = Field(default_factory=list)
    created_date: OptionalTimestamp = None
    modified_date: OptionalTimestamp = None


class LessonDetails(_LessonVersion):
    """One version of a lesson, as ``ListLessonDetails`` returns it."""

    published: int | None = None
