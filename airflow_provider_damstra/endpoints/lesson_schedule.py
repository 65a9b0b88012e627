"""Operations on lesson schedules, and the embeddable lesson player of a schedule."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint, parse_json
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Argument,
    CountAsString,
    Identifier,
    IdentifierList,
    OptionalIdentifier,
    OptionalUtcDateTime,
    UtcDateTime,
)
from airflow_provider_damstra.errors import invalid_response
from airflow_provider_damstra.models import (
    GracePeriodUnit,
    LessonSchedule,
    LessonScheduleStatus,
    UserLessonSchedule,
)
from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request, Response


class LessonScheduleFilter(StrEnum):
    """Filter of a user's lesson schedules by status."""

    ALL = "all"
    SCHEDULED = LessonScheduleStatus.SCHEDULED.value
    DUE = LessonScheduleStatus.DUE.value
    OVERDUE = LessonScheduleStatus.OVERDUE.value
    COMPLETED = LessonScheduleStatus.COMPLETED.value
    CANCELLED = LessonScheduleStatus.CANCELLED.value


class _Ids(Model):
    ids: list[int] = Field(default_factory=list)


class _IdsEndpoint(Endpoint[list[int]]):
    """An operation that returns ``{"ids": [...]}``."""

    def parse_result(self, request: Request, response: Response) -> list[int]:
        """Return the ids."""
        ids: list[int] = parse_json(_Ids, request, response).ids
        return ids


class GetLessonSchedule(Endpoint[LessonSchedule], path="/lesson_schedule/{lesson_schedule_id}"):
    """Return one lesson schedule; this representation has no status."""

    lesson_schedule_id: Identifier
    """Id of the lesson schedule."""


class ListUserLessonSchedules(ListEndpoint[UserLessonSchedule], path="/user/{user_id}/lesson_schedule"):
    """List a user's lesson schedules, with their status."""

    user_id: Identifier
    """Id of the user."""

    status: Argument[
        LessonScheduleFilter | Literal["all", "scheduled", "due", "overdue", "completed", "cancelled"] | None,
        LessonScheduleFilter | None,
    ] = OMITTED
    """Status of the schedules."""


class ScheduleUser(_IdsEndpoint, method="POST", path="/user/{user_id}/lesson_schedule"):
    """Schedule a user to lessons and return the ids of the schedules that were created."""

    user_id: Identifier
    """Id of the user."""

    lesson_version_ids: IdentifierList
    """Ids of versions of lessons."""

    schedule_date: OptionalUtcDateTime = OMITTED
    """Start, with a time zone; now if it is not given."""

    grace_period: CountAsString
    """Time to complete the lessons, in ``grace_period_unit``."""

    grace_period_unit: Argument[GracePeriodUnit | Literal["days", "months"], GracePeriodUnit]
    """Unit of the grace period."""


class CompleteLesson(_IdsEndpoint, method="POST", path="/lesson_schedule/{user_id}/complete_lesson"):
    """Record that a user completed a lesson and return the ids of the completed schedules.

    ``user_id`` is the trainee's, although the path names a lesson schedule. Give ``lesson_id`` (its published
    version is completed) or ``lesson_version_id``.
    """

    user_id: Identifier
    """Id of the trainee."""

    lesson_id: OptionalIdentifier = OMITTED
    """Id of the lesson; or"""

    lesson_version_id: OptionalIdentifier = OMITTED
    """Id of a version of the lesson."""

    completed_date: UtcDateTime
    """Time of completion, with a time zone."""

    manually_completed_by_user_id: Identifier
    """Id of the active user who confirms the completion."""

    @model_validator(mode="after")
    def _validate_lesson(self) -> Self:
        if self.lesson_id is None and self.lesson_version_id is None:
            raise ValueError("name the lesson: lesson_id or lesson_version_id is missing")
        return self


class DownloadCertificate(Endpoint[bytes], path="/lesson_schedule/{lesson_schedule_id}/certificate"):
    """Return the certificate (PDF) of a completed and passed lesson schedule."""

    lesson_schedule_id: Identifier
    """Id of the lesson schedule."""

    def parse_result(self, request: Request, response: Response) -> bytes:
        """Return the file's bytes."""
        if not response.body.lstrip()[:5].startswith(b"%PDF"):
            raise invalid_response(request, response, "it is no PDF file")
        return response.body


class _EmbedPlayer(Model):
    embed_url: str


class _EmbedUrlEndpoint(Endpoint[str]):
    """An operation that returns ``{"embedUrl": "..."}``: a secret, since the URL contains a token."""

    response_is_secret: ClassVar[bool] = True

    def parse_result(self, request: Request, response: Response) -> str:
        """Return the URL."""
        url: str = parse_json(_EmbedPlayer, request, response).embed_url
        return url


class GetEmbedUrl(_EmbedUrlEndpoint, path="/embed_player"):
    """Return the URL of the player for one lesson schedule."""

    lesson_schedule_id: Identifier
    """Id of the lesson schedule."""


class GetEmbedUrlAllLessonTypes(_EmbedUrlEndpoint, path="/embed_player/version/{lesson_schedule_id}"):
    """Return the URL of the player for one lesson schedule, for lessons of every type."""

    lesson_schedule_id: Identifier
    """Id of the lesson schedule."""
