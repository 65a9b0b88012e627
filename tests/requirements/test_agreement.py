"""Random people, rules and times: all evaluations of a training status agree with a plain count."""

from __future__ import annotations

import calendar
import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_damstra.conditions.base import poll
from airflow_provider_damstra.conditions.training_gate import TrainingGateCondition
from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.endpoints import DownloadCertificate, GetUser, ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.exports.training_matrix.requirement_status import RequirementStatuses
from airflow_provider_damstra.exports.training_status.evaluation import PassedTests, evaluate_trainees
from airflow_provider_damstra.exports.training_status.failures import FailedUsers
from airflow_provider_damstra.models import User, UserLessonSchedule
from airflow_provider_damstra.requirements import gate
from airflow_provider_damstra.requirements.gate import check_candidates, find_candidates
from airflow_provider_damstra.requirements.resolution import ResolvedRule, ResolvedRules
from airflow_provider_damstra.requirements.serialization import dump_candidates
from airflow_provider_damstra.requirements.status import Requirement
from airflow_provider_damstra.requirements.trainee import Trainee

LESSONS = (201, 202)
STATES = ("current", "expiring", "assigned", "missing", "expired", "overdue")
"""The states, the most urgent last."""

TIME_ZONES = (
    "Australia/Perth",
    "America/Santiago",
    "Asia/Beirut",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "Nowhere/At_All",
    "",
)
DEFAULT_ZONE = ZoneInfo("America/Lima")
BEGINNING = datetime(2023, 12, 1, tzinfo=UTC)


class Api:
    """A client of an account with random schedules of random people.

    :ivar passed: ids of the schedules with a certificate.
    """

    def __init__(self, choose: random.Random) -> None:
        self.users = {number: _user(choose, number) for number in range(1, 9)}
        self.rows: dict[int, list[dict[str, Any]]] = {number: [] for number in self.users}
        self.passed: set[int] = set()
        for schedule_id in choose.sample(range(1, 1000), 40):
            row = _row(choose, schedule_id)
            self.rows[choose.choice(list(self.users))].append(row)
            if choose.random() < 0.6:
                self.passed.add(schedule_id)

    def call(self, endpoint: Any) -> Any:
        if isinstance(endpoint, GetUser):
            return self.users[endpoint.user_id]
        assert isinstance(endpoint, DownloadCertificate)
        if endpoint.lesson_schedule_id in self.passed:
            return b"%PDF"
        raise DamstraNotFoundError("no certificate")

    def iterate(self, endpoint: Any) -> Any:
        assert isinstance(endpoint, ListUserLessonSchedules)
        # A generator, as a client returns it.
        return (UserLessonSchedule.model_validate(row) for row in self.rows[endpoint.user_id])


def _user(choose: random.Random, number: int) -> User:
    return User(
        id=number,
        first_name=f"P{number}",
        time_zone=choose.choice(TIME_ZONES),
        groups=choose.sample([1, 2, 3], choose.randint(0, 2)),
        roles=[choose.choice([5, 6])],
    )


def _time(choose: random.Random) -> datetime:
    """Return a time in three years, often at an hour at which somewhere a day begins, or on a leap day."""
    day = BEGINNING + timedelta(days=choose.choice([90, 456, choose.randint(0, 1100)]))
    return day + timedelta(minutes=30 * choose.randint(0, 48))


def _row(choose: random.Random, schedule_id: int) -> dict[str, Any]:
    created = _time(choose)
    row: dict[str, Any] = {
        "id": schedule_id,
        "lessonId": choose.choice([*LESSONS, 203, None]),
        "lessonVersionId": choose.choice([1, 2]),
        "status": choose.choice(["due", "scheduled", "overdue", "cancelled", "paused", "completed", None]),
    }
    if choose.random() < 0.9:
        row["createdDate"] = created.strftime("%Y-%m-%dT%H:%M:%S+0000")
    if row["status"] != "overdue" or choose.random() < 0.9:
        row["endDate"] = (created + timedelta(days=choose.randint(0, 60))).isoformat()
    if row["status"] == "completed" and choose.random() < 0.9:
        row["lessonCompletedDate"] = (created + timedelta(days=choose.randint(-30, 60))).isoformat()
    return row


def _requirement(choose: random.Random, lesson_id: int) -> Requirement:
    valid_for = choose.choice([None, "12 months", "1 month", "90 days", "1 year 1 day"])
    warn_before = choose.choice([None, "30 days", "1 month"]) if valid_for and "year" in valid_for else None
    return Requirement(
        rule="R",
        position="requirements[0]",
        lesson_id=lesson_id,
        lesson_name=f"L{lesson_id}",
        lesson_version_id=2,
        valid_for=parse_duration("valid_for", valid_for) if valid_for else None,
        warn_before=parse_duration("warn_before", warn_before) if warn_before else None,
        current_version_only=choose.random() < 0.3,
        require_passed=choose.random() < 0.5,
    )


def _rules(choose: random.Random) -> ResolvedRules:
    def rule() -> ResolvedRule:
        audience: dict[str, Any] = choose.choice(
            [
                {"is_for_all": True},
                {"group_ids": frozenset([choose.randint(1, 3)])},
                {"roles": frozenset([5])},
                {"user_ids": frozenset([1, 2, 3])},
            ]
        )
        return ResolvedRule(requirements=(_requirement(choose, choose.choice(LESSONS)),), **audience)

    return ResolvedRules(rule() for _ in range(choose.randint(1, 4)))


# What follows is written from the rules on the page, not from the code.


def _needed(rules: ResolvedRules, user: User) -> list[Requirement]:
    return [
        rule.requirements[0]
        for rule in rules.rules
        if rule.is_for_all
        or user.id in rule.user_ids
        or set(user.groups) & rule.group_ids
        or set(user.roles) & rule.roles
    ]


def _later(day: date, duration: Any, sign: int = 1) -> date:
    months = day.year * 12 + day.month - 1 + sign * (duration.years * 12 + duration.months)
    year, month = months // 12, months % 12 + 1
    day = date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
    return day + timedelta(days=sign * (duration.weeks * 7 + duration.remaining_days))


def _zone(user: User) -> ZoneInfo:
    return DEFAULT_ZONE if user.time_zone in ("", "Nowhere/At_All") else ZoneInfo(user.time_zone or "")


def _expected_state(api: Api, user: User, rule: Requirement, at: datetime) -> str:
    today = at.astimezone(_zone(user)).date()
    ended: list[date] = []
    completed: list[date] = []
    due: list[datetime | None] = []
    for row in api.rows[user.id]:
        created, done, end = (
            row.get(name) and datetime.fromisoformat(row[name])
            for name in ("createdDate", "lessonCompletedDate", "endDate")
        )
        if row["lessonId"] != rule.lesson_id or (created and created > at):
            continue
        if rule.current_version_only and row["lessonVersionId"] != rule.lesson_version_id:
            continue
        if row["status"] == "completed" and not (done and done > at):
            if not rule.require_passed or row["id"] in api.passed:
                day = done.astimezone(_zone(user)).date() if done else None
                completed.append(day or date(1, 1, 2))
        elif row["status"] != "cancelled":
            due.append(end)
    ended = [_later(day, rule.valid_for) for day in completed] if rule.valid_for else []
    if completed and (not rule.valid_for or max(ended) >= today):
        warned = rule.valid_for and rule.warn_before and _later(max(ended), rule.warn_before, -1) <= today
        return "expiring" if warned else "current"
    if due:
        return "overdue" if max(one or datetime.min.replace(tzinfo=UTC) for one in due) <= at else "assigned"
    return "expired" if completed else "missing"


def expected_states(api: Api, rules: ResolvedRules, at: datetime) -> dict[int, dict[int, str]]:
    """Return by user and lesson the most urgent state."""
    expected: dict[int, dict[int, str]] = {}
    for user in api.users.values():
        for rule in _needed(rules, user):
            state = _expected_state(api, user, rule, at)
            lessons = expected.setdefault(user.id, {})
            lessons[rule.lesson_id] = max(lessons.get(rule.lesson_id, state), state, key=STATES.index)
    return expected


def is_later(row: dict[str, Any], at: datetime) -> bool:
    """Return whether a schedule was created or completed after a time."""
    times = (row.get("createdDate"), row.get("lessonCompletedDate"))
    return any(time is not None and datetime.fromisoformat(time) > at for time in times)


def states_of_status_operator(api: Api, rules: ResolvedRules, at: datetime) -> dict[int, dict[int, str]]:
    trainees = {
        user.id: Trainee.of(user, needed, time_zone=DEFAULT_ZONE)
        for user in api.users.values()
        if (needed := rules.requirements_of(user))
    }
    listings = [(one, [json.dumps(row).encode() for row in api.rows[one]]) for one in trainees]
    passed, failed = PassedTests(None), FailedUsers(skips=False)
    evaluated = evaluate_trainees(api, trainees, listings, at=at, passed=passed, failed=failed)
    return {
        trainee.id: {status.requirement.lesson_id: status.state for status in statuses}
        for trainee, statuses in evaluated
    }


def states_of_matrix(api: Api, rules: ResolvedRules, at: datetime) -> dict[int, dict[int, str]]:
    statuses = RequirementStatuses(api, None, rules=rules, at=at, time_zone=DEFAULT_ZONE)
    for user_id, rows in api.rows.items():
        for row in map(UserLessonSchedule.model_validate, rows):
            if row.lesson_id is not None:
                statuses.add(user_id, row.lesson_id, row)
    cells = statuses.cells(api.users.values())
    return {user: {lesson: cell.status for lesson, cell in of.items()} for user, of in cells.items() if of}


def trained_of(states: dict[int, dict[int, str]], accepted: tuple[str, ...]) -> list[int]:
    """Return the users whose lessons are all in an accepted state."""
    return [user for user, lessons in states.items() if set(lessons.values()) <= set(accepted)]


@pytest.mark.parametrize("seed", range(60))
def test_status_operator_matrix_gate_and_sensor_agree_with_a_plain_count(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(seed)  # noqa: S311
    api, rules, at = Api(choose), _rules(choose), _time(choose)
    expected = expected_states(api, rules, at)
    assert states_of_status_operator(api, rules, at) == expected
    assert states_of_matrix(api, rules, at) == expected

    accepted = choose.choice([("current", "expiring"), ("current",), ("current", "expiring", "assigned")])
    candidates = find_candidates(api, list(api.users), rules, default_time_zone=DEFAULT_ZONE)
    checked = check_candidates(api, candidates, at=at, accepted_states=accepted)
    assert checked.trained == trained_of(expected, accepted)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return at.astimezone(tz)

    monkeypatch.setattr(gate, "datetime", Clock)
    # A sensor checks the present, in which nothing has been created or completed later.
    for rows in api.rows.values():
        rows[:] = [row for row in rows if not is_later(row, at)]
    people, texts = dump_candidates(candidates)
    waits = TrainingGateCondition(people=people, requirements=texts, threshold=1e-9, accepted_states=accepted)
    result = poll(api, waits).result
    assert sorted(result) == trained_of(expected_states(api, rules, at), accepted)
