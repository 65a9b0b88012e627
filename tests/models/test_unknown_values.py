"""A value that no table of the vendor's page has survives being read and written back."""

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
from tests.models.examples import least

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


def member(model: type[Model], alias: str, value: Any) -> tuple[Any, Any]:
    """Return what a member is after it was read, and what is written back."""
    read = model.model_validate({**least(model), alias: value})
    name = next(name for name, field in model.model_fields.items() if field.alias == alias)
    return getattr(read, name), read.model_dump(by_alias=True, mode="json")[alias]


@pytest.mark.parametrize(("model", "alias", "value", "meaning"), KNOWN)
def test_a_known_value_gets_its_name(model: type[Model], alias: str, value: Any, meaning: Any) -> None:
    found, written = member(model, alias, value)
    assert found == meaning
    assert [type(one) for one in _listed(found)] == [type(one) for one in _listed(meaning)]
    assert written == value


@pytest.mark.parametrize(("model", "alias", "value"), UNKNOWN)
def test_an_unknown_value_stays_what_it_is(model: type[Model], alias: str, value: Any) -> None:
    assert member(model, alias, value) == (value, value)


def test_a_status_that_became_a_number_is_kept_as_its_text() -> None:
    assert member(UserLessonSchedule, "status", 5)[0] == "5"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
