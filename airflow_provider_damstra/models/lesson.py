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
    """Id of the value."""

    lesson_version_id: int | None = None
    """Id of the version of the lesson."""

    custom_field_id: int | None = None
    """Id of the custom field."""

    custom_field_description: str | None = None
    """Description of the custom field."""

    field_id: str | None = None
    """The custom field's identifier as text."""

    type: str | None = None
    """Type of the value."""

    value: str | None = None
    """The value as text."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""


class _LessonVersion(Model):
    """One version of a lesson, the row of both listings. ``duration`` is in milliseconds."""

    row_key_field = "lesson_version_id"

    lesson_version_id: int
    """Id of this version."""

    lesson_id: int | None = None
    """Id of the lesson, shared by its versions."""

    name: str | None = None
    """Name of the lesson."""

    duration: Number | None = None
    """Length in milliseconds."""

    status: Annotated[LessonStatus | str | None, Field(union_mode="left_to_right")] = None
    """Publishing status."""

    in_library: bool | None = None
    """Whether the lesson is in the library."""

    version: int | None = None
    """Number of this version."""

    client_id: int | None = None
    """Id of the organisation's account."""

    @property
    def can_be_scheduled(self) -> bool:
        """Return whether users can be scheduled to this version."""
        return self.status == LessonStatus.ACTIVE


class Lesson(_LessonVersion):
    """One version of a lesson, with its custom fields."""

    questionnaire_type: int | None = None
    """Id of the type of the test."""

    lesson_version_custom_fields: NullableList[LessonVersionCustomField] = Field(default_factory=list)
    """Values of custom fields."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""


class LessonDetails(_LessonVersion):
    """One version of a lesson, as ``ListLessonDetails`` returns it."""

    published: int | None = None
    """Id of the publishing status."""
