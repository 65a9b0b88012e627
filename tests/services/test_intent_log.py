"""The write-ahead log: what is recorded when, what is removed, and what later tries read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra.endpoints import (
    AddGroupMembers,
    CreateGroup,
    GetUser,
    InactivateUser,
    ScheduleUser,
)
from airflow_provider_damstra.errors import DamstraConflictError, DamstraRateLimitError, DamstraTransportError
from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
from airflow_provider_damstra.services.idempotency import call_and_verify
from airflow_provider_damstra.services.intent_log import Intent, IntentLog
from airflow_provider_damstra.services.lesson import schedule_users
from airflow_provider_damstra.task_state import TaskState
from tests.services.fakes import ScriptedClient

CREATE = CreateGroup(name="Welders", description="All of them")
INACTIVATE = InactivateUser(user_id=7)
NO_RESPONSE = DamstraTransportError("no response", request=CREATE.request())
SCHEDULES = [
    ScheduleUser(user_id=one, lesson_version_ids=[5, 6], grace_period=1, grace_period_unit="days")
    for one in (7, 8)
]


class CountingState(TaskState):
    """Task state in memory that keeps every version of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[Any] = []

    def set(self, name: str, value: Any) -> None:
        self.writes.append(value)
        super().set(name, value)


@pytest.fixture
def state() -> CountingState:
    return CountingState()


def test_write_is_recorded_before_it_is_sent(state: CountingState) -> None:
    client = ScriptedClient(None, state=state)
    with client.record(CREATE) as sender:
        assert IntentLog(state).was_sent(CREATE)
        assert client.calls == []
        sender.call(CREATE)
    assert client.calls == client.sent == [CREATE]


def test_write_that_cannot_be_recorded_is_not_sent(
    state: CountingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, value: Any) -> None:
        raise ConnectionError

    client = ScriptedClient(None, state=state)
    monkeypatch.setattr(state, "set", fail)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            client.call(CREATE)
    assert client.calls == client.sent == []


def test_call_does_not_record_reads(state: CountingState) -> None:
    client = ScriptedClient(None, state=state)
    client.call(GetUser(user_id=7))
    assert (client.sent, state.writes) == ([], [])


@pytest.mark.parametrize(("error", "is_kept"), [(NO_RESPONSE, True), (DamstraConflictError("exists"), False)])
def test_call_removes_a_request_only_if_it_was_not_carried_out(
    error: Exception, is_kept: bool, state: CountingState
) -> None:
    client = ScriptedClient(error, state=state)
    with pytest.raises(type(error)):
        client.call(CREATE)
    assert IntentLog(state).was_sent(CREATE) == is_kept
    assert client.sent == [CREATE] * is_kept


def test_refused_repetition_keeps_a_request_whose_outcome_is_unknown(state: CountingState) -> None:
    refused = DamstraRateLimitError("slow down", request=INACTIVATE.request())
    client = ScriptedClient(NO_RESPONSE, refused, state=state)
    with pytest.raises(DamstraRateLimitError):
        call_and_verify(client, INACTIVATE, is_applied=lambda: False)
    assert IntentLog(state).was_sent(INACTIVATE)
    assert client.sent == [INACTIVATE]


def test_requests_of_this_try_do_not_count_as_sent_by_an_earlier_one(state: CountingState) -> None:
    client = ScriptedClient(None, state=state)
    client.call(CREATE)
    assert not client.intents.was_sent(CREATE)


def test_was_sent_compares_bodies_and_ids_sent_does_not(state: CountingState) -> None:
    IntentLog(state).add(
        AddGroupMembers(group_id=1, user_ids=[7, 8]), AddGroupMembers(group_id=2, user_ids=[9])
    )
    later = IntentLog(state)
    assert not later.was_sent(AddGroupMembers(group_id=1, user_ids=[7]))
    assert later.ids_sent(AddGroupMembers(group_id=1, user_ids=[7])) == {7, 8}


def test_objects_found_after_many_conflicts_are_written_a_few_times(state: CountingState) -> None:
    log = IntentLog(state)
    with log.batch([]):
        for one in range(1, 4):
            log.add_found([one])
            assert IntentLog(state).found_earlier == set(range(1, one + 1))
        for one in range(4, 301):
            log.add_found([one])
    assert IntentLog(state).found_earlier == set(range(1, 301))
    assert len(state.writes) < 30


def test_request_is_not_serialized_if_no_earlier_try_sent_any(
    state: CountingState, monkeypatch: pytest.MonkeyPatch
) -> None:
    serialized: list[Any] = []
    monkeypatch.setattr(Intent, "of", lambda endpoint: serialized.append(endpoint))
    first = IntentLog(state)
    assert (first.was_sent(INACTIVATE), first.ids_sent(SCHEDULES[0])) == (False, set())
    assert serialized == []


def test_batch_writes_once_and_removes_refused_requests_once(state: CountingState) -> None:
    client = ScriptedClient(DamstraConflictError("exists"), [1], state=state)
    with client.intents.batch(SCHEDULES):
        with pytest.raises(DamstraConflictError):
            client.call(SCHEDULES[0])
        client.call(SCHEDULES[1])
        assert len(state.writes) == 1
    assert len(state.writes) == 2
    later = IntentLog(state)
    assert [later.ids_sent(one) for one in SCHEDULES] == [set(), {5, 6}]


def test_requests_that_differ_in_their_path_are_stored_as_one_entry(state: CountingState) -> None:
    IntentLog(state).add(*SCHEDULES)
    (entry,) = state.writes[-1]
    assert sorted(entry["paths"]) == ["/user/7/lesson_schedule", "/user/8/lesson_schedule"]
    assert all(IntentLog(state).was_sent(one) for one in SCHEDULES)


def test_rollback_is_recorded_until_it_is_restored(state: CountingState) -> None:
    first = IntentLog(state)
    first.add(CREATE, INACTIVATE)
    first.mark_rolled_back(CREATE)
    second = IntentLog(state)
    assert (second.was_rolled_back(CREATE), second.was_rolled_back(INACTIVATE)) == (True, False)
    second.mark_restored(CREATE)
    third = IntentLog(state)
    assert (third.was_sent(CREATE), third.was_rolled_back(CREATE)) == (True, False)


def test_clear_deletes_the_log(state: CountingState) -> None:
    IntentLog(state).add(CREATE)
    IntentLog(state).clear()
    assert not IntentLog(state).was_sent(CREATE)


def test_schedule_found_after_conflict_is_recorded_for_the_next_try(state: CountingState) -> None:
    found = UserLessonSchedule.model_validate({"id": 9, "lessonVersionId": 5, "status": "due"})
    rest = [10]
    client = ScriptedClient([], DamstraConflictError("exists"), [found], rest, state=state)
    results, failed = schedule_users(client, SCHEDULES[:1], if_exists="fail")
    assert ([(one.created, one.existing) for one in results], failed) == ([(rest, [9])], {})
    retry = ScriptedClient([found], [10], state=state)
    results, failed = schedule_users(retry, SCHEDULES[:1], if_exists="fail")
    assert ([one.existing for one in results], failed) == ([[9]], {})
