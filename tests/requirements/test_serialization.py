"""People and requirements as JSON: statuses are the same afterwards, and names can be left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.requirements.evaluation import evaluate
from airflow_provider_damstra.requirements.gate import Candidate
from airflow_provider_damstra.requirements.rules import GracePeriod
from airflow_provider_damstra.requirements.serialization import (
    dump_candidates,
    load_candidates,
    without_names,
)
from airflow_provider_damstra.requirements.status import Requirement, ScheduleRecord

PERTH, LONDON = ZoneInfo("Australia/Perth"), ZoneInfo("Europe/London")
PLAIN = Requirement(rule="A", position="[0]", lesson_id=1, lesson_name="Führung", lesson_version_id=10)
STRICT = Requirement(
    rule="B",
    position="[1]",
    lesson_id=2,
    lesson_name="Heights",
    lesson_version_id=20,
    valid_for=parse_duration("valid_for", "1 year 6 months"),
    warn_before=parse_duration("warn_before", "2 weeks"),
    grace_period=GracePeriod(14, "days"),
    current_version_only=True,
    require_passed=True,
)
CANDIDATES = [
    Candidate(user_id=1, name="Zoë (E1)", time_zone=PERTH, requirements=(PLAIN, STRICT)),
    Candidate(user_id=2, name="Ben", time_zone=LONDON, requirements=(STRICT,)),
    Candidate(user_id=3, name="Cleo", time_zone=PERTH, requirements=(PLAIN, STRICT)),
    Candidate(user_id=4, name="Dan", time_zone=PERTH, obstacle="inactive"),
]


def test_people_have_the_same_statuses_afterwards() -> None:
    loaded = {one.user_id: one for one in load_candidates(*dump_candidates(CANDIDATES))}
    at = datetime(2026, 3, 15, tzinfo=UTC)
    for candidate in CANDIDATES:
        other = loaded[candidate.user_id]
        assert (other.name, other.time_zone, other.obstacle) == (
            candidate.name,
            candidate.time_zone,
            candidate.obstacle,
        )
        for days in (1, 530, 541, 560):
            records = [
                ScheduleRecord(
                    id=one,
                    lesson_id=one,
                    lesson_version_id=10 * one,
                    state="completed",
                    completed_at=at - timedelta(days=days),
                )
                for one in (1, 2)
            ]
            expected, found = (
                [
                    evaluate(one, records, at=at, time_zone=person.time_zone, passed={1: False, 2: True})
                    for one in person.requirements
                ]
                for person in (candidate, other)
            )
            assert [(one.state, one.reason) for one in found] == [(one.state, one.reason) for one in expected]


def test_equal_people_are_one_group_and_rules_are_left_out() -> None:
    people, requirements = dump_candidates(CANDIDATES)
    assert [list(group["users"]) for group in json.loads(people)] == [["1", "3"], ["2"], ["4"]]
    assert json.loads(requirements)[0] == {"lesson_id": 1, "lesson_name": "Führung", "lesson_version_id": 10}
    assert len(json.loads(requirements)) == 2


def test_names_can_be_left_out() -> None:
    people, requirements = dump_candidates(CANDIDATES)
    anonymous = without_names(people)
    assert not any(one.name in anonymous for one in CANDIDATES)
    assert [one.name for one in load_candidates(anonymous, requirements)] == [""] * 4
