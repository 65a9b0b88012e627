"""What is due is scheduled once: the plan, its guards, and the XComs of new assignments."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.task_runner import StateStore, error_message, fail_fast_message, run
from tests.transfers.training_statuses import (
    HEIGHTS,
    INDUCTION,
    read_rows,
    record_completion,
    status_operator,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.task_runner import Outcome

HAUL_TRUCK, HAUL_TRUCK_VERSION = 204, 2006
"""A lesson that no user is scheduled to."""

CREW = (1011, 1016, 1021, 1026, 1031, 1036)
CREW_RULE = {"lessons": [HAUL_TRUCK], "groups": ["Pit Crew A"], "grace_period": "14 days"}
SANDRA, MEI = 1005, 1007
"""The supervisors of Pit Crew A and of the Concrete Crew."""


def due_operator(path: Path | None = None, *rules: dict[str, Any], **arguments: Any) -> Any:
    return status_operator(path, *(rules or (CREW_RULE,)), schedule_due=True, **arguments)


def scheduled(emulator: DamstraEmulator) -> list[tuple[int, tuple[int, ...]]]:
    """Return the users and lesson versions of all schedules that were created by requests."""
    return sorted(
        (int(entry["path"].split("/")[-2]), tuple(entry["body"]["lessonVersionIds"]))
        for entry in emulator.journal("POST", "/user/*/lesson_schedule")
        if entry["rows"]
    )


def named(outcome: Outcome) -> list[int]:
    """Return the users with new assignments."""
    return sorted(one["user_id"] for one in outcome.xcoms["new_assignments"])


def test_missing_expired_and_expiring_are_scheduled_and_nothing_else(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    now = damstra_emulator.now
    days_ago = {1002: 400, 1003: 350, 1004: 100}
    for user_id, days in days_ago.items():
        damstra_emulator.set_clock(now - timedelta(days=days))
        record_completion(api, user_id, INDUCTION, now - timedelta(days=days))
    damstra_emulator.set_clock(now)
    # 1012 is assigned, 1013 overdue.
    rule = {
        "lessons": [INDUCTION],
        "users": [1001, *days_ago, 1012, 1013],
        "valid_for": "12 months",
        "warn_before": "30 days",
        "grace_period": "2 months",
    }
    outcome = run(due_operator(tmp_path / "rows.jsonl", rule), run_after=damstra_emulator.now)
    found = {user_id: row["state"] for (user_id, _), row in read_rows(tmp_path / "rows.jsonl").items()}
    assert found == {
        1001: "missing",
        1002: "expired",
        1003: "expiring",
        1004: "current",
        1012: "assigned",
        1013: "overdue",
    }
    assert scheduled(damstra_emulator) == [(1001, (2002,)), (1002, (2002,)), (1003, (2002,))]
    body = damstra_emulator.journal("POST", "/user/1001/lesson_schedule")[0]["body"]
    assert (body["gracePeriod"], body["gracePeriodUnit"]) == ("2", "months")
    assert outcome.value["plan"] == {
        "assignments": 3,
        "people": 3,
        "lessons": [{"lesson_id": INDUCTION, "lesson_name": "Site Induction", "assignments": 3}],
    }
    assert (outcome.value["scheduled_count"], len(outcome.xcoms["scheduled"])) == (3, 3)
    first = next(one for one in outcome.xcoms["new_assignments"] if one["user_id"] == 1002)
    assert first == {
        "user_id": 1002,
        "employee_number": "E1002",
        "name": "Data Import",
        "email_address": "data.import@example.com",
        "lessons": [{"lesson_id": INDUCTION, "lesson_name": "Site Induction"}],
        "lesson_schedule_ids": first["lesson_schedule_ids"],
    }


def test_lessons_of_a_user_are_one_request_for_each_grace_period(damstra_emulator: DamstraEmulator) -> None:
    people = {"users": [1001], "grace_period": "14 days"}
    rules = (
        {"lessons": [INDUCTION, HAUL_TRUCK], **people},
        {"lessons": [HEIGHTS], **people, "grace_period": "1 month"},
    )
    outcome = run(due_operator(None, *rules), run_after=damstra_emulator.now)
    assert scheduled(damstra_emulator) == [(1001, (2002, 2006)), (1001, (2003,))]
    (new,) = outcome.xcoms["new_assignments"]
    assert sorted(one["lesson_id"] for one in new["lessons"]) == [INDUCTION, HEIGHTS, HAUL_TRUCK]
    assert sorted(new["lesson_schedule_ids"]) == sorted(outcome.xcoms["scheduled"])


@pytest.mark.parametrize("dry_run", [True, "{{ 1 == 1 }}"])
def test_dry_run_writes_and_logs_the_plan_and_schedules_nothing(
    damstra_emulator: DamstraEmulator, tmp_path: Path, capfd: pytest.CaptureFixture[str], dry_run: Any
) -> None:
    plan_path = tmp_path / "plan.jsonl"
    operator = due_operator(tmp_path / "rows.jsonl", dry_run=dry_run, plan_path=str(plan_path))
    outcome = run(operator, run_after=damstra_emulator.now)
    log = "".join(capfd.readouterr())
    assert damstra_emulator.journal("POST") == []
    assert (outcome.value["plan"]["assignments"], outcome.value["scheduled_count"]) == (6, 0)
    assert (outcome.xcoms["new_assignments"], outcome.xcoms["scheduled"]) == ([], [])
    assert read_rows(plan_path) == read_rows(tmp_path / "rows.jsonl")
    assert "6 lessons to schedule for 6 people:" in log
    assert "Haul Truck Pre-start Checks (204): 6" in log
    assert "Liam Murphy (user 1011): Haul Truck Pre-start Checks, missing: not completed" in log


@pytest.mark.parametrize(("limit", "is_allowed"), [(0, False), (5, False), (6, True)])
def test_guard_stops_a_larger_plan_before_anything_is_scheduled(
    damstra_emulator: DamstraEmulator, tmp_path: Path, limit: int, is_allowed: bool
) -> None:
    operator = due_operator(None, max_scheduled=limit, plan_path=str(tmp_path / "plan.jsonl"))
    if is_allowed:
        assert len(run(operator, run_after=damstra_emulator.now).xcoms["scheduled"]) == 6
        return
    message = error_message(operator)
    assert f"6 lessons would be scheduled, and max_scheduled allows {limit}; none was." in message
    assert "Haul Truck Pre-start Checks (204): 6" in message
    assert damstra_emulator.journal("POST") == []
    assert len(read_rows(tmp_path / "plan.jsonl")) == 6


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"lessons": [HAUL_TRUCK]}, "requirements[0]: grace_period is missing"),
        (
            {"lessons": ["Shotfirer Refresher 2019"], "grace_period": "14 days"},
            "requirements[0]: lesson 'Shotfirer Refresher 2019' (id 206) has no active version",
        ),
    ],
)
def test_rule_that_cannot_be_scheduled_fails_before_people_are_read(
    damstra_emulator: DamstraEmulator, rule: dict[str, Any], problem: str
) -> None:
    assert problem in fail_fast_message(due_operator(None, {**rule, "all": True}))
    assert damstra_emulator.journal("GET", "/user") == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"dry_run": True},
        {"dry_run": "{{ params.dry_run }}"},
        {"max_scheduled": 0},
        {"plan_path": "plan.jsonl"},
        {"include_supervisors": True},
        {"schedule_due": True, "dry_run": "maybe"},
        {"schedule_due": True, "max_scheduled": -1},
        {"schedule_due": "true"},
    ],
    ids=str,
)
def test_useless_or_invalid_argument_is_rejected_at_parse_time(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(arguments)):
        status_operator(None, **arguments)


def test_later_run_names_only_new_assignments(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    now = damstra_emulator.now
    assert named(run(due_operator(), run_after=now)) == list(CREW)
    api.send("/group/102/add_members", userIds=[1012])
    damstra_emulator.set_clock(now + timedelta(days=1))
    assert named(run(due_operator(), run_after=now + timedelta(days=1))) == [1012]
    assert len(scheduled(damstra_emulator)) == 7


def test_cleared_run_schedules_nothing_again(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    at = damstra_emulator.now
    first = run(due_operator(), run_after=at)
    # Completed from paper, with a date before the DAG run; and in the app.
    record_completion(api, 1011, HAUL_TRUCK, at - timedelta(days=3))
    by_user = {one["user_id"]: one["lesson_schedule_ids"][0] for one in first.xcoms["new_assignments"]}
    damstra_emulator.complete_lesson_schedule(by_user[1016])
    again = run(due_operator(), run_after=at)
    assert again.value["states"] == first.value["states"]
    assert again.xcoms["new_assignments"] == []
    assert len(scheduled(damstra_emulator)) == 6


def test_late_run_does_not_schedule_what_was_completed_since(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    now = damstra_emulator.now
    record_completion(api, 1011, HAUL_TRUCK, now - timedelta(days=10))
    outcome = run(due_operator(), run_after=now - timedelta(days=5))
    assert outcome.value["plan"]["assignments"] == 6
    assert named(outcome) == list(CREW[1:])


def test_completion_with_a_failed_test_is_scheduled_again(damstra_emulator: DamstraEmulator) -> None:
    # 1016 failed the test of the induction, 1011 passed it.
    rule = {
        "lessons": [INDUCTION],
        "users": [1011, 1016],
        "require_passed": True,
        "grace_period": "14 days",
    }
    assert named(run(due_operator(None, rule), run_after=damstra_emulator.now)) == [1016]


def test_overlapping_runs_schedule_each_person_once(damstra_emulator: DamstraEmulator) -> None:
    at = damstra_emulator.now
    damstra_emulator.add_fault("delay", method="POST", delay=0.05)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(
            pool.map(lambda minutes: run(due_operator(), run_after=at + timedelta(minutes=minutes)), (0, 1))
        )
    assert [user_id for user_id, _ in scheduled(damstra_emulator)] == list(CREW)
    assert sorted(named(outcomes[0]) + named(outcomes[1])) == list(CREW)


def test_failed_person_fails_the_task_after_the_others_are_scheduled(
    damstra_emulator: DamstraEmulator,
) -> None:
    refused = {"message": "User 1016 cannot be scheduled", "reason": "Bad request", "statusCode": 400}
    damstra_emulator.add_fault(
        "status", method="POST", path="/user/1016/lesson_schedule", status=400, body=refused
    )
    at, store = damstra_emulator.now, StateStore()
    with pytest.raises(Exception, match="1 users could not be scheduled, 5 were:\n  user 1016"):
        run(due_operator(), run_after=at, task_state_store=store)
    operator = due_operator(on_failed_user="skip")
    outcome = run(operator, run_after=at, task_state_store=store)
    assert list(outcome.value["failed_users"]) == ["1016"]
    assert named(outcome) == [one for one in CREW if one != 1016]
    later = run(due_operator(on_failed_user="skip"), run_after=at + timedelta(days=1))
    assert (list(later.value["failed_users"]), named(later)) == (["1016"], [])


def test_supervisors_are_named_with_new_assignments_of_their_people(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    rule = {**CREW_RULE, "groups": ["Pit Crew A", "Concrete Crew"]}
    api.schedule(1011, HAUL_TRUCK_VERSION)
    outcome = run(due_operator(None, rule, include_supervisors=True), run_after=damstra_emulator.now)
    by_supervisor = {
        one["user_id"]: [person["user_id"] for person in one["assignments"]]
        for one in outcome.xcoms["supervisors"]
    }
    assert by_supervisor[SANDRA] == list(CREW[1:])
    assert by_supervisor[MEI] == [user_id for user_id in named(outcome) if user_id not in CREW]
    sandra = next(one for one in outcome.xcoms["supervisors"] if one["user_id"] == SANDRA)
    assert (sandra["name"], sandra["email_address"]) == ("Sandra Whitlam", "sandra.whitlam@example.com")
    assert json.dumps(sandra["assignments"][0]) in json.dumps(outcome.xcoms["new_assignments"])


def test_new_assignments_are_in_the_order_of_the_user_ids(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("delay", method="GET", path=f"/user/{CREW[0]}/lesson_schedule", delay=0.5)
    outcome = run(due_operator(), run_after=damstra_emulator.now)
    assert [one["user_id"] for one in outcome.xcoms["new_assignments"]] == list(CREW)


def test_no_supervisor_is_named_without_new_assignments(damstra_emulator: DamstraEmulator) -> None:
    at = damstra_emulator.now
    run(due_operator(), run_after=at)
    damstra_emulator.clear_journal()
    later = run(due_operator(include_supervisors=True), run_after=at + timedelta(days=1))
    assert (later.xcoms["supervisors"], later.xcoms["scheduled"]) == ([], [])
    assert damstra_emulator.journal("GET", "/group/*/supervisors") == []
