"""Seed files: the data of an emulator in YAML or JSON, written by people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_damstra.emulator.moments import Duration, Moment
from airflow_provider_damstra.models.lesson import LessonStatus
from airflow_provider_damstra.yaml_documents import (
    MAX_BYTES,
    Location,
    Positions,
    parse_document,
    validate_document,
)

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json")

Id = Annotated[int, Field(ge=1, le=10**9)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
RoleName = Literal["admin", "editor", "supervisor", "trainee", "owner", "instructor"]


class SeedModel(BaseModel):
    """A mapping of a file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SeedUser(SeedModel):
    """A user. Without a user name, it is made of the first letter of the first name, and the last name."""

    id: Id | None = None
    first_name: Name
    last_name: Name
    user_name: Name | None = None
    email_address: str = ""
    employee_number: str | None = None
    mobile_number: str | None = None
    roles: Annotated[list[RoleName], Field(min_length=1)] = ["trainee"]
    active: bool = True

    @property
    def login(self) -> str:
        """Return the user name, by which the file refers to the user."""
        return self.user_name or f"{self.first_name[0]}.{self.last_name}".lower().replace(" ", "")


class SeedGroup(SeedModel):
    """A group. Its parent is the name of a group; members and supervisors are user names."""

    id: Id | None = None
    name: Name
    description: str = ""
    parent: Name | None = None
    active: bool = True
    members: list[Name] = []
    supervisors: list[Name] = []


class SeedLesson(SeedModel):
    """A lesson with one version."""

    id: Id | None = None
    version_id: Id | None = None
    name: Name
    instructor_led: bool = False
    minutes: Annotated[int, Field(ge=1, le=10_000)] = 30
    status: Literal[LessonStatus.ACTIVE, LessonStatus.INACTIVE, LessonStatus.NEVER] = LessonStatus.ACTIVE


class SeedSchedule(SeedModel):
    """A lesson schedule of a user, by user name and name of the lesson."""

    id: Id | None = None
    user: Name
    lesson: Name
    start: Moment = timedelta()
    grace_period: Duration = timedelta(days=14)
    started: Moment | None = None
    completed: Moment | None = None
    passed: bool = True
    cancelled: Moment | None = None


class SeedAttendee(SeedModel):
    """An attendee of an ILT session, who needs a lesson schedule for the session's lesson."""

    user: Name
    attended: bool = False
    passed: bool = False


class SeedSession(SeedModel):
    """An ILT session of a lesson, with an instructor, by user name."""

    id: Id | None = None
    lesson: Name
    instructor: Name
    location: Name
    start: Moment
    duration: Duration = timedelta(hours=4)
    places: Annotated[int, Field(ge=1)] | None = None
    notes: str | None = None
    status: Literal["active", "completed", "cancelled"] = "active"
    attendees: list[SeedAttendee] = []


class SeedDocument(SeedModel):
    """The data of an emulator. Without an owner among the users, Margaret Kelly is added."""

    model_config = ConfigDict(title="Seed of the Damstra Learning emulator")

    users: list[SeedUser] = []
    groups: list[SeedGroup] = []
    lessons: list[SeedLesson] = []
    lesson_schedules: list[SeedSchedule] = []
    ilt_sessions: list[SeedSession] = []


_ITEMS: dict[str, type[SeedModel]] = {
    "users": SeedUser,
    "groups": SeedGroup,
    "lessons": SeedLesson,
    "lesson_schedules": SeedSchedule,
    "ilt_sessions": SeedSession,
}


def is_seed_file(name: str) -> bool:
    """Return whether the name of a seed is a path of a file."""
    return name.endswith(SUFFIXES)


def read_file(path: Path) -> bytes:
    """Return the content of a file that people write.

    :raises ValueError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None


def parse_seed(content: str | bytes, *, source: str) -> tuple[SeedDocument, Positions]:
    """Return a seed, and where its values are.

    :param content: YAML or JSON.
    :param source: name of the document, for messages.
    :raises ValueError: naming every problem with its position.
    """
    value, positions = parse_document(content, source=source)
    return validate_document(SeedDocument, value or {}, positions, describe_keys=_describe_keys), positions


def _describe_keys(location: Location) -> str:
    model: type[SeedModel] = SeedDocument
    if location:
        model = SeedAttendee if "attendees" in location else _ITEMS[str(location[0])]
    return f"there are {', '.join(model.model_fields)}"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of seed files, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SeedDocument.model_json_schema()}
