"""Values that the API documentation does not list are parsed and dumped unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra.models import (
    ClientStatus,
    IltSession,
    IltSessionStateName,
    IltSessionStatus,
    Lesson,
    LessonDetails,
    LessonScheduleStatus,
    LessonStatus,
    Model,
    Role,
    User,
    UserLessonSchedule,
)
from tests.models.examples import minimal_json

KNOWN: list[tuple[type[Model], str, Any, Any]] = [
    (User, "clientStatusId", 57, ClientStatus.NOT_CURRENT),
    (User, "roles", [3], [Role.ADMIN]),
    (UserLessonSchedule, "status", "overdue", LessonScheduleStatus.OVERDUE),
    (Lesson, "status", "rendering", LessonStatus.RENDERING),
    (LessonDetails, "status", "never", LessonStatus.NEVER),
    (IltSession, "statusId", 3, IltSessionStatus.CANCELLED),
    (IltSession, "state", "inprogress", IltSessionStateName.IN_PROGRESS),
]
UNKNOWN: list[tuple[type[Model], str, Any]] = [
    (User, "clientStatusId", 99),
    (User, "roles", [1, 6]),
    (UserLessonSchedule, "status", "paused"),
    (Lesson, "status", "archived"),
    (LessonDetails, "status", "archived"),
    (IltSession, "statusId", 9),
    (IltSession, "state", "postponed"),
]


def parse_and_dump(model: type[Model], alias: str, value: Any) -> tuple[Any, Any]:
    """Return the parsed value of a field and its dumped value."""
    read = model.model_validate({**minimal_json(model), alias: value})
    name = next(name for name, field in model.model_fields.items() if field.serialization_alias == alias)
    return getattr(read, name), read.model_dump(by_alias=True, mode="json")[alias]


@pytest.mark.parametrize(("model", "alias", "value", "expected"), KNOWN)
def test_known_value_is_parsed_to_enum(model: type[Model], alias: str, value: Any, expected: Any) -> None:
    found, written = parse_and_dump(model, alias, value)
    assert found == expected
    assert [type(item) for item in _as_list(found)] == [type(item) for item in _as_list(expected)]
    assert written == value


@pytest.mark.parametrize(("model", "alias", "value"), UNKNOWN)
def test_unknown_value_is_kept(model: type[Model], alias: str, value: Any) -> None:
    assert parse_and_dump(model, alias, value) == (value, value)


def test_numeric_status_is_kept_as_text() -> None:
    assert parse_and_dump(UserLessonSchedule, "status", 5)[0] == "5"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
