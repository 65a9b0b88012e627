"""The condition that people are trained: queries, certificates, time, inactive people, and its arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_damstra.conditions import completion
from airflow_provider_damstra.conditions.base import compact_row
from airflow_provider_damstra.conditions.training_gate import TrainingGateCondition
from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.endpoints import DownloadCertificate, GetUser, ListUserLessonSchedules
from airflow_provider_damstra.models import User, UserLessonSchedule
from airflow_provider_damstra.requirements import gate
from airflow_provider_damstra.requirements.gate import Candidate
from airflow_provider_damstra.requirements.serialization import dump_candidates
from airflow_provider_damstra.requirements.status import Requirement
from tests.conditions.factories import NOT_FOUND, row, user_query

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Query, ScheduleState

PERTH = ZoneInfo("Australia/Perth")
ADA, BEN, INDUCTION, HEIGHTS = 1, 2, 201, 202
NOW = datetime(2026, 3, 15, 6, tzinfo=UTC)
PDF = b"%PDF-1.4"


class Clock(datetime):
    """A ``datetime`` whose present time a test sets."""

    present = NOW

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        """Return the time that the test has set."""
        return cls.present.astimezone(tz)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """Replace the clock of the gate."""
    monkeypatch.setattr(Clock, "present", NOW)
    monkeypatch.setattr(gate, "datetime", Clock)
    return Clock


def requirement(lesson_id: int = INDUCTION, **more: Any) -> Requirement:
    more |= {name: parse_duration(name, more[name]) for name in ("valid_for", "warn_before") & more.keys()}
    names = {INDUCTION: "Induction", HEIGHTS: "Heights"}
    return Requirement(
        rule="R",
        position=f"requirements[{lesson_id}]",
        lesson_id=lesson_id,
        lesson_name=names[lesson_id],
        lesson_version_id=lesson_id * 10,
        **more,
    )


def condition(
    *requirements: Requirement, obstacles: dict[int, str] | None = None, **arguments: Any
) -> TrainingGateCondition:
    """Return a condition on Ada and Ben."""
    candidates = [
        Candidate(
            user_id=user_id,
            name=name,
            time_zone=PERTH,
            requirements=requirements or (requirement(),),
            obstacle=(obstacles or {}).get(user_id, ""),
        )
        for user_id, name in ((ADA, "Ada (E1)"), (BEN, ""))
    ]
    people, texts = dump_candidates(candidates)
    return TrainingGateCondition(people=people, requirements=texts, **arguments)


def completed(
    schedule_id: int, *, ago: timedelta = timedelta(hours=1), lesson_id: int = INDUCTION
) -> ScheduleState:
    return row(schedule_id, "completed", lesson_id=lesson_id, completed_date=NOW - ago)


def certificate(schedule_id: int) -> DownloadCertificate:
    return DownloadCertificate(lesson_schedule_id=schedule_id)


def active(user_id: int, *, status: int = 56) -> tuple[Query, User]:
    user = User(id=user_id, first_name="Ben", last_name="Ash", employee_number="E2", client_status_id=status)
    return GetUser(user_id=user_id), user


def listed(one: TrainingGateCondition) -> list[int]:
    return [query.user_id for query in one.queries() if isinstance(query, ListUserLessonSchedules)]


def test_people_are_listed_until_they_are_trained_and_confirmed_together() -> None:
    one = condition()
    assert list(one.queries()) == [user_query(ADA), user_query(BEN)]
    one.update(user_query(ADA), [completed(1)])
    one.update(user_query(BEN), [row(2, lesson_id=INDUCTION), completed(3, lesson_id=HEIGHTS)])
    assert list(one.queries()) == [user_query(BEN)]
    result = one.evaluate()
    assert (result.is_done, result.progress) == (False, "1 of 2 people are trained, and at least 2 must be")
    one.update(user_query(BEN), [completed(2)])
    assert list(one.queries()) == [GetUser(user_id=ADA), GetUser(user_id=BEN)]
    assert not one.evaluate().is_done
    one.update(*active(ADA))
    one.update(*active(BEN))
    assert (one.evaluate().is_met, one.evaluate().result) == (True, [ADA, BEN])


def test_share_of_people_is_enough() -> None:
    one = condition(threshold="0.5")
    one.update(user_query(BEN), [completed(1)])
    assert list(one.queries()) == [user_query(ADA), GetUser(user_id=BEN)]
    one.update(*active(BEN))
    assert (one.evaluate().is_met, one.evaluate().result) == (True, [BEN])


@pytest.mark.parametrize("response", [active(BEN, status=57)[1], NOT_FOUND], ids=["inactive", "deleted"])
def test_person_who_is_inactive_or_deleted_at_the_end_does_not_pass(response: Any) -> None:
    one = condition()
    one.update(user_query(ADA), [completed(1)])
    one.update(user_query(BEN), [completed(2)])
    one.update(GetUser(user_id=BEN), response)
    failure = one.evaluate().failure or ""
    assert failure.startswith("The condition can no longer be met: ")
    assert failure.endswith(". 1 of 2 people are trained, and at least 2 must be.")
    assert one.queries() == {}


def test_people_who_can_never_pass_fail_the_wait_before_a_request_only_if_others_are_too_few() -> None:
    obstacles = {BEN: "inactive"}
    assert condition(obstacles=obstacles).queries() == {}
    assert condition(obstacles=obstacles).evaluate().failure == (
        "The condition can no longer be met: user 2: inactive."
        " 0 of 2 people are trained, and at least 2 must be."
    )
    enough = condition(obstacles=obstacles, threshold=0.5)
    assert (listed(enough), enough.evaluate().failure) == ([ADA], None)


def test_user_without_listing_does_not_exist() -> None:
    one = condition()
    one.update(user_query(BEN), NOT_FOUND)
    assert "user 2: does not exist. " in (one.evaluate().failure or "")


@pytest.mark.parametrize(
    ("accepted", "schedule", "is_trained"),
    [
        ({}, {"state": "open", "due_date": NOW + timedelta(days=1)}, False),
        ({"accepted_states": ["current", "assigned"]}, {"due_date": NOW + timedelta(days=1)}, True),
        ({"accepted_states": ["current", "assigned"]}, {"due_date": NOW - timedelta(days=1)}, False),
        ({}, {"state": "completed", "completed_date": NOW - timedelta(days=350)}, True),
        (
            {"accepted_states": ["current"]},
            {"state": "completed", "completed_date": NOW - timedelta(days=350)},
            False,
        ),
        ({}, {"state": "completed", "completed_date": NOW - timedelta(days=366)}, False),
        ({}, {"state": "completed", "completed_date": NOW + timedelta(minutes=5)}, True),
    ],
    ids=["assigned", "assigned counts", "overdue", "expiring", "expiring excluded", "expired", "fast clock"],
)
def test_state_at_the_time_of_the_poll_decides(
    accepted: dict[str, Any], schedule: dict[str, Any], is_trained: bool
) -> None:
    one = condition(requirement(valid_for="12 months", warn_before="30 days"), **accepted)
    one.update(user_query(ADA), [row(1, schedule.pop("state", "open"), lesson_id=INDUCTION, **schedule)])
    assert one.evaluate().progress.startswith(f"{int(is_trained)} of 2 people are trained")


def test_training_that_expires_during_the_wait_does_not_count(clock: type[Clock]) -> None:
    one = condition(requirement(valid_for="1 day"))
    one.update(user_query(ADA), [completed(1)])
    assert listed(one) == [BEN]
    clock.present = datetime(2026, 3, 16, 15, 59, tzinfo=UTC)  # a minute before midnight in Perth
    assert listed(one) == [BEN]
    clock.present += timedelta(minutes=1)
    one.update(user_query(BEN), [row(2, "completed", lesson_id=INDUCTION, completed_date=clock.present)])
    assert list(one.queries()) == [user_query(ADA)]
    assert not one.evaluate().is_done


def test_people_have_to_be_trained_at_a_later_time_until_it_has_passed(clock: type[Clock]) -> None:
    one = condition(requirement(valid_for="30 days"), at=(NOW + timedelta(days=20)).isoformat())
    one.update(user_query(ADA), [completed(1, ago=timedelta(days=15))])
    one.update(user_query(BEN), [completed(2, ago=timedelta(days=5))])
    assert listed(one) == [ADA]
    assert next(iter(one.open_items()))().startswith("Ada (E1): Induction expired (")
    clock.present += timedelta(days=26)
    assert listed(one) == [ADA, BEN]


def test_lesson_that_becomes_overdue_during_the_wait_does_not_count(clock: type[Clock]) -> None:
    one = condition(accepted_states=["current", "assigned"])
    one.update(user_query(ADA), [row(1, lesson_id=INDUCTION, due_date=NOW + timedelta(hours=2))])
    one.queries()
    assert one.evaluate().progress.startswith("1 of 2")
    clock.present += timedelta(hours=2)
    one.queries()
    assert one.evaluate().progress.startswith("0 of 2")


def test_schedule_that_is_cancelled_during_the_wait_does_not_count() -> None:
    one = condition(accepted_states=["current", "assigned"])
    one.update(user_query(ADA), [row(1, lesson_id=INDUCTION, due_date=NOW + timedelta(days=9))])
    one.update(user_query(BEN), [completed(2)])
    assert listed(one) == [ADA]
    one.update(user_query(ADA), [row(1, "cancelled", lesson_id=INDUCTION)])
    assert one.evaluate().progress.startswith("1 of 2")
    one.update(user_query(ADA), [completed(3)])
    assert listed(one) == []


def test_person_who_was_active_before_others_dropped_out_is_looked_up_again(clock: type[Clock]) -> None:
    one = condition(requirement(valid_for="12 months"))
    one.update(user_query(ADA), [completed(1)])
    one.update(user_query(BEN), [completed(2, ago=timedelta(days=365))])
    one.update(*active(ADA))
    assert list(one.queries()) == [GetUser(user_id=BEN)]
    clock.present += timedelta(days=1)
    assert list(one.queries()) == [user_query(BEN)]
    one.update(user_query(BEN), [row(3, "completed", lesson_id=INDUCTION, completed_date=clock.present)])
    assert list(one.queries()) == [GetUser(user_id=ADA), GetUser(user_id=BEN)]


def test_earlier_version_does_not_count_if_the_current_one_is_required() -> None:
    one = condition(requirement(current_version_only=True))
    completion_date = {"lesson_id": INDUCTION, "completed_date": NOW - timedelta(days=1)}
    one.update(user_query(ADA), [row(1, "completed", lesson_version_id=2009, **completion_date)])
    one.update(user_query(BEN), [row(2, "completed", lesson_version_id=2010, **completion_date)])
    assert listed(one) == [ADA]


def test_certificates_are_requested_from_the_latest_until_one_is_found() -> None:
    one = condition(requirement(require_passed=True))
    one.update(user_query(ADA), [completed(1, ago=timedelta(days=2)), completed(2), completed(3)])
    assert certificate(3) in one.queries()
    assert certificate(2) not in one.queries()
    one.update(certificate(3), NOT_FOUND)
    before = datetime.now(UTC)
    later = one.queries()[certificate(3)].not_before
    assert later is not None
    assert timedelta() < later - before <= completion.CERTIFICATE_CHECK_INTERVAL
    assert (one.queries()[certificate(2)].not_before, certificate(1) in one.queries()) == (None, False)
    assert ADA in listed(one)
    one.update(certificate(2), PDF)
    assert list(one.queries()) == [user_query(BEN)]
    assert one.completion_rule.passed_schedule_ids == {2}


def test_known_certificate_is_not_requested() -> None:
    one = condition(requirement(require_passed=True), passed_schedule_ids=[7])
    one.update(user_query(ADA), [completed(7)])
    assert list(one.queries()) == [user_query(BEN)]


def test_open_items_name_who_lacks_what() -> None:
    one = condition(requirement(valid_for="12 months"), requirement(HEIGHTS, require_passed=True))
    assert list(one.open_items()) == []
    one.update(user_query(ADA), [completed(1, ago=timedelta(days=400)), completed(2, lesson_id=HEIGHTS)])
    one.update(certificate(2), NOT_FOUND)
    name = {"first_name": "Ben", "last_name": "Ash"}
    one.update(user_query(BEN), [row(3, lesson_id=HEIGHTS, due_date=NOW + timedelta(days=3), **name)])
    assert [describe() for describe in one.open_items()] == [
        "Ada (E1): Induction expired (completed on 2025-02-08, valid through 2026-02-08; not scheduled), "
        "Heights missing (completed, but with a failed test; not scheduled)",
        "Ben Ash (user 2): Induction missing (not completed; not scheduled), "
        "Heights assigned (not completed; scheduled, due 2026-03-18)",
    ]


def test_person_without_requirements_passes_once_confirmed() -> None:
    people, texts = dump_candidates([Candidate(user_id=ADA, name="Ada", time_zone=PERTH)])
    one = TrainingGateCondition(people=people, requirements=texts)
    assert list(one.queries()) == [GetUser(user_id=ADA)]
    one.update(*active(ADA))
    assert one.evaluate().result == [ADA]


@pytest.mark.parametrize(
    ("people", "requirements"),
    [("{}", ""), ("[1]", "[]"), ('[{"users": {"1": null}}]', "[]"), ("[", "[]"), (None, None)],
)
def test_arguments_of_another_form_are_rejected(people: Any, requirements: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are those of the decoder
        TrainingGateCondition(people=people, requirements=requirements)


def test_waits_share_requirements_and_rows_keep_equal_values_once() -> None:
    waits = [condition(requirement(), requirement(HEIGHTS)) for _ in range(2)]
    shared = {id(one.requirements) for wait in waits for one in wait._progress.values()}
    assert len(shared) == 1
    fields = {"id": 1, "lessonId": 100_201, "lessonVersionId": 100_202, "endDate": "2026-03-01T00:00:00+0000"}
    first, second = (compact_row(UserLessonSchedule.model_validate(fields)) for _ in range(2))
    for name in ("lesson_id", "lesson_version_id", "due_date"):
        assert getattr(first, name) is getattr(second, name)
