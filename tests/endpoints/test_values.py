"""Arguments with documented values: these are sent, others raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.models import IltSessionState, LessonStatus, Role

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint

SCHEDULE: dict[str, Any] = {
    "user_id": 1,
    "lesson_version_ids": [1],
    "grace_period": 14,
    "grace_period_unit": "days",
}
UPDATE_SESSION: dict[str, Any] = {"ilt_session_id": 1, "instructor_id": 1, "location": "Perth"}
DOCUMENTED: list[tuple[type[Endpoint[Any]], dict[str, Any], str, list[Any]]] = [
    (endpoints.ListUsers, {}, "role_id", [3, 4, 5, 6, 7, 8]),
    (endpoints.ListUsers, {}, "active_value", ["active", "inactive", "all"]),
    (endpoints.CreateUser, {}, "roles", [[3, 4, 5, 6, 7, 8]]),
    (
        endpoints.GenerateLoginUrl,
        {"user_id": 1},
        "expires_in",
        ["disabled", "never", "day", "week", "month", "year"],
    ),
    (endpoints.BulkUserImport, {"users": [{}]}, "merge_type", ["none", "email", "empNo", "userName"]),
    (
        endpoints.ListUserLessonSchedules,
        {"user_id": 1},
        "status",
        ["all", "scheduled", "due", "overdue", "completed", "cancelled"],
    ),
    (endpoints.ScheduleUser, SCHEDULE, "grace_period_unit", ["days", "months"]),
    (endpoints.ListIltSessions, {}, "state", [1, 2, 3]),
    (endpoints.ListIltSessions, {}, "status", [1, 2, 3]),
    (endpoints.UpdateIltSession, UPDATE_SESSION, "status_id", [1, 2, 3]),
    (
        endpoints.ListLessons,
        {},
        "published_states",
        ["active", "inactive", "never,rendering", ["error", "active"]],
    ),
    (endpoints.ListLessonDetails, {}, "published_states", [[LessonStatus.ACTIVE]]),
]
UNDOCUMENTED: list[tuple[type[Endpoint[Any]], dict[str, Any], str, list[Any]]] = [
    (endpoints.ListUsers, {}, "role_id", [1, 2, 9, 0, "trainee", [6]]),
    (endpoints.ListUsers, {}, "active_value", ["Active", "yes", "", True]),
    (endpoints.CreateUser, {}, "roles", [[1], [3, 9], 6, "trainee"]),
    (endpoints.CreateUser, {}, "user_name", [1, ["j.smith"]]),
    (endpoints.GenerateLoginUrl, {"user_id": 1}, "expires_in", ["hour", "DAY", 1]),
    (endpoints.BulkUserImport, {"users": [{}]}, "merge_type", ["employeeNumber", "empno"]),
    (endpoints.BulkUserImport, {}, "users", [[], None, {}, [{"roles": [1]}]]),
    (endpoints.ListUserLessonSchedules, {"user_id": 1}, "status", ["open", "Due", 5]),
    (endpoints.ScheduleUser, SCHEDULE, "grace_period_unit", ["weeks", "day", None]),
    (endpoints.ScheduleUser, SCHEDULE, "grace_period", [-1, "-1", 1.5, "a month", "", None]),
    (endpoints.ListIltSessions, {}, "state", [0, 4, "upcoming"]),
    (endpoints.ListIltSessions, {}, "status", [0, 4, "active"]),
    (endpoints.UpdateIltSession, UPDATE_SESSION, "status_id", [0, 4]),
    (endpoints.UpdateIltSession, UPDATE_SESSION, "number_of_places", [-1, 1.5]),
    (endpoints.ListLessons, {}, "published_states", ["published", "active,published", "", [], ","]),
    (endpoints.SaveIltSessionProgress, {"ilt_session_id": 1}, "attendees", [[], None, [{}], [{"id": 0}]]),
]


def cases(
    table: list[tuple[type[Endpoint[Any]], dict[str, Any], str, list[Any]]],
) -> list[Any]:
    return [
        pytest.param(endpoint, others, name, value, id=f"{endpoint.__name__}-{name}-{value}")
        for endpoint, others, name, values in table
        for value in values
    ]


@pytest.mark.parametrize(("endpoint", "others", "name", "value"), cases(DOCUMENTED))
def test_documented_value_is_sent(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, value: Any
) -> None:
    request = endpoint(**{**others, name: value}).request()
    sent = {**dict(request.query), **(request.body or {})}
    alias = endpoint.model_fields[name].serialization_alias or name
    expected = ",".join(value) if name == "published_states" and isinstance(value, list) else value
    assert sent[alias] == (expected if request.body and alias in request.body else str(expected))


@pytest.mark.parametrize(("endpoint", "others", "name", "value"), cases(UNDOCUMENTED))
def test_undocumented_value_raises_naming_argument(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, value: Any
) -> None:
    alias = endpoint.model_fields[name].serialization_alias
    with pytest.raises(ValidationError, match=rf"(?m)^{name}|^{alias}"):
        endpoint(**{**others, name: value})


def test_enums_are_accepted() -> None:
    assert endpoints.ListUsers(role_id=Role.INSTRUCTOR).request().query == (("roleId", "8"),)
    assert endpoints.ListIltSessions(state=IltSessionState.PAST).request().query == (("state", "3"),)


def test_completion_without_lesson_raises() -> None:
    arguments = {"user_id": 1, "completed_date": "2026-01-31T09:00:00Z", "manually_completed_by_user_id": 2}
    with pytest.raises(ValidationError, match="lesson_id or lesson_version_id is missing"):
        endpoints.CompleteLesson.model_validate(arguments)
    for name in ("lesson_id", "lesson_version_id"):
        assert endpoints.CompleteLesson.model_validate({**arguments, name: 3}).request().body is not None


def test_session_ending_before_start_raises() -> None:
    session = {"location": "Perth", "instructor_id": 1, "start_datetime": "2026-01-31T09:00:00+08:00"}
    with pytest.raises(ValidationError, match="end_datetime is before start_datetime"):
        endpoints.CreateIltSession.model_validate({**session, "end_datetime": "2026-01-31T02:00:00+02:00"})
    ends = {**session, "end_datetime": "2026-01-31T02:00:00Z"}
    assert endpoints.CreateIltSession.model_validate(ends).request().body is not None
