"""Scheduling of users: lesson versions, existing schedules, and users that fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_damstra.clients.rate_limiter import rate_limiter_for
from airflow_provider_damstra.errors import DamstraConflictError, DamstraError, DamstraNotFoundError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from tests.clients.concurrency import ConcurrencyCounter
from tests.emulator.api_client import HAUL_TRUCK, INACTIVE_USER, TRAINEES, UNKNOWN_ID
from tests.operators.lesson_session_cases import DUE_SCHEDULE, LIAMS_HEIGHTS, NEW_SCHEDULE, OLIVIAS_HEIGHTS
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import Outcome, StateStore, error_message, fail_fast_message, run
from tests.waiting import wait_until

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.conftest import ConnectionFactory

AN_INSTRUCTOR = 1008  # has no lesson schedules
SCHEDULE = "/user/*/lesson_schedule"
HAUL_TRUCK_NAME = "Haul Truck Pre-start Checks"


def step(**arguments: Any) -> DamstraScheduleLessonsOperator:
    return DamstraScheduleLessonsOperator(task_id="step", **{"user_ids": [1011], **arguments})


def schedule(**arguments: Any) -> Any:
    return run(step(**arguments)).value


def schedule_requests(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    return [entry["body"] for entry in emulator.journal(method="POST", path=SCHEDULE)]


@pytest.mark.parametrize(
    "lessons",
    [
        {"lesson_version_ids": [2006]},
        {"lesson_ids": "204"},
        {"lesson_names": "Haul Truck Pre-start Checks"},
        {"lesson_names": ["Haul Truck Pre-start Checks"]},
    ],
    ids=str,
)
def test_lessons_are_given_by_version_id_or_name(
    lessons: dict[str, Any], damstra_emulator: DamstraEmulator
) -> None:
    assert schedule(**lessons) == [{"user_id": 1011, "lesson_schedule_ids": [NEW_SCHEDULE]}]
    assert schedule_requests(damstra_emulator) == [
        {"lessonVersionIds": [2006], "gracePeriod": "14", "gracePeriodUnit": "days"}
    ]


def test_newest_active_version_is_scheduled(damstra_emulator: DamstraEmulator) -> None:
    schedule(lesson_ids=[201, 202], user_ids=[AN_INSTRUCTOR])
    assert schedule_requests(damstra_emulator)[0]["lessonVersionIds"] == [2002, 2003]


def test_lessons_are_looked_up_once_for_all_users(damstra_emulator: DamstraEmulator) -> None:
    schedule(user_ids=list(TRAINEES), lesson_names=[HAUL_TRUCK_NAME])
    queries = [entry["query"] for entry in damstra_emulator.journal(path="/lesson")]
    assert [query.get("q") or query["lessonIds"] for query in queries] == [HAUL_TRUCK_NAME, "204"]
    assert len(schedule_requests(damstra_emulator)) == len(TRAINEES)


def test_grace_period_and_date_are_sent(damstra_emulator: DamstraEmulator) -> None:
    arguments = {
        "grace_period": "3",
        "grace_period_unit": "months",
        "schedule_date": "2030-03-01T09:00+08:00",
    }
    schedule(lesson_ids=204, **arguments)
    (request,) = schedule_requests(damstra_emulator)
    assert (request["gracePeriod"], request["gracePeriodUnit"]) == ("3", "months")
    assert request["scheduleDate"] == "2030-03-01T01:00:00+0000"


INVALID = [
    (
        {"lesson_ids": [204, UNKNOWN_ID]},
        DamstraNotFoundError,
        "Lesson 999 does not exist; no user was scheduled.",
    ),
    (
        {"lesson_names": ["Haul Truck", "Site Induction"]},
        DamstraNotFoundError,
        "No lesson is named 'Haul Truck'. Nothing was changed.",
    ),
    (
        {"lesson_ids": [204, 206]},
        None,
        "Lesson 206 (Shotfirer Refresher 2019: inactive) cannot be scheduled, only an active lesson can; "
        "no user was scheduled.",
    ),
    (
        {"lesson_names": "Shotfirer Refresher 2019"},
        None,
        "Lesson 206 (Shotfirer Refresher 2019: inactive) cannot be scheduled",
    ),
]


@pytest.mark.parametrize(("lessons", "kind", "why"), INVALID)
def test_wrong_lesson_is_named_and_no_user_is_scheduled(
    lessons: dict[str, Any], kind: type[DamstraError] | None, why: str, damstra_emulator: DamstraEmulator
) -> None:
    operator = step(**lessons, user_ids=[1011, 1012])
    message = error_message(operator, kind) if kind else fail_fast_message(operator)
    assert message.startswith(why)
    assert schedule_requests(damstra_emulator) == []


def test_ambiguous_lesson_name_is_rejected(damstra_emulator: DamstraEmulator) -> None:
    lessons = [
        {"lessonId": lesson_id, "lessonVersionId": 3000 + lesson_id, "name": "Twin", "status": "active"}
        for lesson_id in (301, 302)
    ]
    body = {"results": lessons, "meta": {"totalResultCount": 2, "startIndex": 0, "endIndex": 2}}
    damstra_emulator.add_fault("status", status=200, path="/lesson", body=body)
    why = error_message(step(lesson_names="Twin"), DamstraConflictError)
    assert why == "2 lessons are named 'Twin' (301, 302): name one by id. Nothing was changed."
    assert schedule_requests(damstra_emulator) == []


def test_open_schedules_are_kept_and_the_rest_is_created_in_one_request(
    damstra_emulator: DamstraEmulator,
) -> None:
    liam, olivia = schedule(user_ids=[1011, 1012], lesson_version_ids=[2003, 2002, 2006])
    assert {LIAMS_HEIGHTS} < set(liam["lesson_schedule_ids"])
    assert {DUE_SCHEDULE, OLIVIAS_HEIGHTS} < set(olivia["lesson_schedule_ids"])
    assert [len(one["lesson_schedule_ids"]) for one in (liam, olivia)] == [3, 3]
    succeeded = [one for one in damstra_emulator.journal(method="POST") if one["status"] == 200]
    assert {one["path"]: one["body"]["lessonVersionIds"] for one in succeeded} == {
        "/user/1011/lesson_schedule": [2002, 2006],
        "/user/1012/lesson_schedule": [2006],
    }


def test_open_schedule_fails_with_if_exists_fail(damstra_emulator: DamstraEmulator) -> None:
    strict = step(user_ids=[1012], lesson_version_ids=[2002, 2006], if_exists="fail")
    assert "user 1012: " in error_message(strict, DamstraConflictError)
    assert changes_in(damstra_emulator) == {}


@pytest.mark.parametrize("when", [{}, {"schedule_date": "2026-01-31T09:00:00+08:00"}], ids=["now", "dated"])
def test_task_cleared_after_completion_schedules_nothing(
    when: dict[str, str], damstra_emulator: DamstraEmulator
) -> None:
    def run_try() -> Outcome:
        return run(step(lesson_ids=204, **when), run_after=began, task_state_store=store)

    store = StateStore()
    began = damstra_emulator.now - timedelta(minutes=1)
    first = run_try()
    damstra_emulator.complete_lesson_schedule(NEW_SCHEDULE)
    damstra_emulator.clear_journal()
    assert run_try() == first
    assert changes_in(damstra_emulator) == {}


def test_old_completion_does_not_prevent_scheduling(
    damstra_emulator: DamstraEmulator,
) -> None:
    done = run(step(lesson_version_ids=2002), run_after=damstra_emulator.now).value
    assert done == [{"user_id": 1011, "lesson_schedule_ids": [NEW_SCHEDULE]}]


def test_failed_user_does_not_prevent_scheduling_of_others(
    damstra_emulator: DamstraEmulator,
) -> None:
    why = fail_fast_message(step(user_ids=[1011, INACTIVE_USER, 1013], lesson_ids=204))
    assert why.startswith("1 users could not be scheduled, 2 were:\n  user 1038: ScheduleUser ")
    assert "User 1038 is not active and cannot be scheduled" in why
    assert why.endswith(
        "\n  Users [1038] are inactive: activate them first, with DamstraActivateUserOperator or with "
        "reactivate=True where they are upserted or created."
    )
    assert changes_in(damstra_emulator) == {"insert lesson_schedules": 2}


def test_on_partial_failure_continue_returns_scheduled_users(damstra_emulator: DamstraEmulator) -> None:
    arguments = {"user_ids": [1011, INACTIVE_USER, UNKNOWN_ID, 1013], "lesson_ids": 204}
    outcome = run(step(**arguments, on_partial_failure="continue"))
    assert [one["user_id"] for one in outcome.value] == [1011, 1013]
    # They are scheduled concurrently.
    assert outcome.xcoms | {"created": sorted(outcome.xcoms["created"])} == {
        "created": [NEW_SCHEDULE, NEW_SCHEDULE + 1],
        "existing": [],
        "failed": [INACTIVE_USER, UNKNOWN_ID],
        "inactive": [INACTIVE_USER],
    }


def test_error_shows_first_failed_users(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=400, method="POST", body={"error": "Bad Request"})
    why = fail_fast_message(step(user_ids=list(TRAINEES)[:25], lesson_ids=204))
    assert why.startswith("25 users could not be scheduled, 0 were:\n  user 1011: ")
    assert why.endswith("\n  and 5 more")
    assert len(why.splitlines()) == 22


def test_on_partial_failure_continue_fails_if_all_users_fail(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(password="wrong")
    operator = step(lesson_version_ids=HAUL_TRUCK, on_partial_failure="continue")
    assert "access key" in fail_fast_message(operator)


def test_retryable_error_of_one_user_outweighs_permanent_error_of_another(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault("status", status=429, path="/user/1011/lesson_schedule", count=1)
    operator = step(user_ids=[INACTIVE_USER, 1011], lesson_ids=204)
    why = error_message(operator)
    assert "user 1038: " in why
    assert "user 1011: " in why


@pytest.mark.parametrize("places", [1, 3])
def test_users_are_scheduled_concurrently_within_limit(
    places: int,
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(extra={"max_concurrency": places})
    users, counter, real = list(TRAINEES)[:6], ConcurrencyCounter(), HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: PreparedRequest, **options: Any) -> Response:
        if request.method != "POST":
            return real(adapter, request, **options)
        with counter.held():
            return real(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    with ThreadPoolExecutor() as worker:
        task = worker.submit(schedule, user_ids=users, lesson_version_ids=[HAUL_TRUCK])
        limiter = rate_limiter_for(DamstraHook().settings)
        wait_until(
            lambda: counter.current + limiter.waiting == len(users), "all are being sent, or wait in line"
        )
        counter.gate.set()
        assert [one["user_id"] for one in task.result(10)] == users
    assert (counter.peak, counter.total) == (places, len(users))


def test_if_completed_skip_returns_completed_schedule(damstra_emulator: DamstraEmulator) -> None:
    done, version = 30013, 2002
    assert schedule(lesson_version_ids=[version], if_completed="skip") == [
        {"user_id": 1011, "lesson_schedule_ids": [done]}
    ]
    # Missing schedules are created, and an open schedule takes precedence over an earlier completion.
    (both,) = schedule(lesson_version_ids=[version, 2006], if_completed="skip")
    assert both["lesson_schedule_ids"] == [done, NEW_SCHEDULE]
    assert [request["lessonVersionIds"] for request in schedule_requests(damstra_emulator)] == [[2006]]
    (again,) = schedule(lesson_version_ids=[version])
    assert again["lesson_schedule_ids"] == [NEW_SCHEDULE + 1]
    assert schedule(lesson_version_ids=[version], if_completed="skip") == [again]


FAIL_AND_SKIP = {"if_completed": "skip", "if_exists": "fail"}


def test_if_exists_fail_ignores_skipped_completions(damstra_emulator: DamstraEmulator) -> None:
    (liam,) = schedule(lesson_version_ids=[2002, 2006], **FAIL_AND_SKIP)
    assert liam["lesson_schedule_ids"] == [30013, NEW_SCHEDULE]
    assert [request["lessonVersionIds"] for request in schedule_requests(damstra_emulator)] == [[2006]]


def test_if_exists_fail_fails_on_open_schedule_despite_completion(
    damstra_emulator: DamstraEmulator,
) -> None:
    (again,) = schedule(lesson_version_ids=[2002])[0]["lesson_schedule_ids"]
    why = error_message(step(lesson_version_ids=[2002, 2006], **FAIL_AND_SKIP), DamstraConflictError)
    assert f"User 1011 has open lesson schedules already: [{again}]." in why
    assert len(schedule_requests(damstra_emulator)) == 1


def test_if_exists_fail_does_not_affect_other_users(
    damstra_emulator: DamstraEmulator,
) -> None:
    arguments = {"user_ids": [1011, 1012], "lesson_version_ids": [2002], "on_partial_failure": "continue"}
    assert schedule(**arguments, **FAIL_AND_SKIP) == [{"user_id": 1011, "lesson_schedule_ids": [30013]}]


def test_if_exists_fail_accepts_schedules_completed_in_this_dag_run(
    damstra_emulator: DamstraEmulator,
) -> None:
    began = damstra_emulator.now - timedelta(minutes=1)
    first = run(step(lesson_ids=204, if_exists="fail"), run_after=began)
    damstra_emulator.complete_lesson_schedule(NEW_SCHEDULE)
    assert run(step(lesson_ids=204, if_exists="fail"), run_after=began).value == first.value


def test_if_exists_fail_schedules_no_user_if_a_lookup_fails(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault("status", status=503, path="/user/1012/lesson_schedule", method="GET")
    error_message(step(user_ids=[1011, 1012], lesson_ids=204, if_exists="fail"))
    assert schedule_requests(damstra_emulator) == []
