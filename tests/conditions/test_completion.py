"""Completions that do not count, with a failed test or too old, and the requests for certificates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions import completion
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.user import GroupLessonCondition, UserLessonsCondition
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate
from airflow_provider_damstra.models.user import User
from tests.conditions.factories import NOT_FOUND, USER, filter_of, row, schedule, schedule_query, user_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.conditions.base import Condition, ScheduleState

LESSON, GROUP, SCHEDULE = 1, 9, 11
PDF = b"%PDF-1.4"
NOW = datetime.now(UTC)


def schedules(**arguments: Any) -> Condition:
    """Return a condition on one schedule of the user."""
    return LessonScheduleCondition(
        lesson_schedule_ids=SCHEDULE, users_by_schedule={str(SCHEDULE): USER}, **arguments
    )


def lessons(**arguments: Any) -> Condition:
    """Return a condition on one lesson of the user."""
    return UserLessonsCondition(user_id=USER, lesson_ids=LESSON, **arguments)


def group(**arguments: Any) -> Condition:
    """Return a condition on a group whose only member is the user."""
    condition = GroupLessonCondition(group_id=GROUP, lesson_id=LESSON, **arguments)
    condition.update(ListGroupMembers(group_id=GROUP), [User(id=USER)])
    return condition


KINDS = {
    schedules: ("0 of 1 lesson schedules completed (1 {})", f"lesson schedule {SCHEDULE} is {{}}"),
    lessons: (f"User {USER} completed 0 of 1 lessons; lesson {LESSON} is {{}}", f"lesson {LESSON} is {{}}"),
    group: (
        f"0 of 1 members of group {GROUP} completed lesson {LESSON} (1 {{}})",
        f"{{}} for users [{USER}]",
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
FAILED_TEST, TOO_OLD = "completed with a failed test", "completed too long ago"


def completed(schedule_id: int = SCHEDULE, *, days_ago: float = 1) -> ScheduleState:
    """Return a completed schedule of the lesson."""
    return row(schedule_id, "completed", lesson_id=LESSON, completed_date=NOW - timedelta(days=days_ago))


def certificate(schedule_id: int = SCHEDULE) -> DownloadCertificate:
    """Return the query for a certificate."""
    return DownloadCertificate(lesson_schedule_id=schedule_id)


def certificates(condition: Condition) -> list[int]:
    """Return the schedules whose certificates a condition requests now."""
    return [
        query.lesson_schedule_id
        for query, query_filter in condition.queries().items()
        if isinstance(query, DownloadCertificate) and query_filter.is_due()
    ]


def listed(condition: Condition, *rows: ScheduleState) -> Condition:
    """Return the condition after a response with these schedules of the user."""
    condition.update(user_query(), list(rows))
    return condition


@each_kind
def test_failed_test_counts_and_no_certificate_is_requested_by_default(
    kind: Callable[..., Condition],
) -> None:
    condition = listed(kind(), completed(days_ago=5000))
    assert condition.evaluate().is_met
    assert certificates(condition) == []


@each_kind
def test_certificate_is_requested_once_and_then_completion_counts(kind: Callable[..., Condition]) -> None:
    condition = kind(require_passed=True)
    assert certificates(listed(condition, row(SCHEDULE))) == []
    assert certificates(listed(condition, completed())) == [SCHEDULE]
    assert not condition.evaluate().is_done
    condition.update(certificate(), PDF)
    assert condition.evaluate().is_met
    assert certificates(listed(condition, completed())) == []


@each_kind
def test_completion_without_certificate_does_not_count(kind: Callable[..., Condition]) -> None:
    condition = listed(kind(require_passed=True), completed())
    condition.update(certificate(), NOT_FOUND)
    result = condition.evaluate()
    assert (result.is_done, result.result) == (False, [])
    assert result.progress == KINDS[kind][0].format(FAILED_TEST)


@each_kind
def test_certificate_that_is_issued_later_counts(
    kind: Callable[..., Condition], monkeypatch: pytest.MonkeyPatch
) -> None:
    condition = listed(kind(require_passed=True), completed())
    condition.update(certificate(), NOT_FOUND)
    assert certificates(condition) == []
    not_before = filter_of(condition, certificate()).not_before
    assert not_before is not None
    assert NOW < not_before - timedelta(minutes=9) < datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setattr(completion, "CERTIFICATE_CHECK_INTERVAL", timedelta(0))
    condition.update(certificate(), NOT_FOUND)
    assert certificates(condition) == [SCHEDULE]
    condition.update(certificate(), PDF)
    assert condition.evaluate().is_met


@each_kind
@pytest.mark.parametrize("state", ["not_passed", "expired"])
def test_completion_that_does_not_count_fails_with_fail_on(
    kind: Callable[..., Condition], state: str
) -> None:
    condition = kind(require_passed=True, valid_for="12 months", fail_on=[state])
    listed(condition, completed(days_ago=1 if state == "not_passed" else 400))
    if state == "not_passed":
        condition.update(certificate(), NOT_FOUND)
    failure = condition.evaluate().failure or ""
    assert KINDS[kind][1].format(FAILED_TEST if state == "not_passed" else TOO_OLD) in failure


@each_kind
def test_schedule_that_is_known_to_be_passed_is_not_requested(kind: Callable[..., Condition]) -> None:
    condition = listed(kind(require_passed=True, passed_schedule_ids=[SCHEDULE]), completed())
    assert certificates(condition) == []
    assert condition.evaluate().is_met


@each_kind
@pytest.mark.parametrize(
    ("days_ago", "valid_for", "is_met"),
    [(10, "2 weeks", True), (20, "2 weeks", False), (20, timedelta(days=21), True), (1, None, True)],
)
def test_only_completion_within_valid_for_counts(
    kind: Callable[..., Condition], days_ago: int, valid_for: Any, is_met: bool
) -> None:
    result = listed(kind(valid_for=valid_for), completed(days_ago=days_ago)).evaluate()
    assert result.is_met is is_met
    assert is_met or result.progress == KINDS[kind][0].format(TOO_OLD)


@each_kind
def test_certificate_of_expired_completion_is_not_requested(kind: Callable[..., Condition]) -> None:
    condition = listed(kind(require_passed=True, valid_for="1 month"), completed(days_ago=40))
    assert certificates(condition) == []


@each_kind
def test_completion_at_unknown_time_is_expired(kind: Callable[..., Condition]) -> None:
    unknown = row(SCHEDULE, "completed", lesson_id=LESSON)
    assert listed(kind(), unknown).evaluate().is_met
    assert not listed(kind(valid_for="9000 years"), unknown).evaluate().is_met


def test_schedule_with_expired_completion_fails_always() -> None:
    condition = listed(schedules(valid_for="1 month", fail_on=[]), completed(days_ago=40))
    assert f"lesson schedule {SCHEDULE} is completed too long ago." in (condition.evaluate().failure or "")


def test_schedule_completed_at_user_lookup_needs_certificate() -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=SCHEDULE, require_passed=True)
    condition.update(schedule_query(SCHEDULE), schedule(SCHEDULE, is_completed=True))
    assert condition.queries().keys() == {certificate()}
    assert not condition.evaluate().is_done


@pytest.mark.parametrize("kind", [lessons, group])
def test_earlier_certificate_is_requested_only_if_later_test_failed(kind: Callable[..., Condition]) -> None:
    condition = kind(require_passed=True, valid_for="12 months", fail_on=["not_passed"])
    listed(condition, completed(1, days_ago=30), completed(3, days_ago=500), completed(2, days_ago=3))
    assert certificates(condition) == [2]
    condition.update(certificate(2), NOT_FOUND)
    assert certificates(condition) == [1]
    condition.update(certificate(1), PDF)
    assert condition.evaluate().is_met
    assert certificates(condition) == []


@pytest.mark.parametrize("kind", [lessons, group])
@pytest.mark.parametrize("state", ["open", "overdue"])
def test_lesson_scheduled_again_after_failed_test_is_not_failed(
    kind: Callable[..., Condition], state: str
) -> None:
    condition = kind(require_passed=True, fail_on=["not_passed"])
    listed(condition, completed(), row(SCHEDULE + 1, state, lesson_id=LESSON))
    condition.update(certificate(), NOT_FOUND)
    assert not condition.evaluate().is_done
    listed(condition, completed(), completed(SCHEDULE + 1, days_ago=0))
    condition.update(certificate(SCHEDULE + 1), PDF)
    assert condition.evaluate().is_met
