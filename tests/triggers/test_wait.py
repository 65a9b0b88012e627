"""The trigger of every deferrable sensor: serialisation, events, deadline and log."""

from __future__ import annotations

import asyncio
import json
import pkgutil
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog
from airflow.providers.common.compat.sdk import XCom
from airflow.triggers.base import TaskSkippedEvent, TriggerEvent
from structlog.testing import capture_logs

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.triggers.wait import CONDITIONS, DamstraWaitTrigger
from airflow_provider_damstra.triggers.xcoms import push_result
from tests.polling.helpers import FIRST, LIAM, THIRD, cancel, other_tasks, wait_for_requests

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

COMPLETED, OPEN = FIRST, THIRD
ARGUMENTS: dict[str, dict[str, Any]] = {
    "LessonScheduleCondition": {
        "lesson_schedule_ids": [COMPLETED],
        "users_by_schedule": {str(COMPLETED): LIAM},
    },
    "UserLessonsCondition": {"user_id": "1011", "lesson_ids": [201], "fail_on": ["cancelled"]},
    "GroupLessonCondition": {"group_id": 102, "lesson_id": 201, "threshold": 0.1, "fail_on": []},
    "IltSessionCondition": {"ilt_session_id": 401, "state": "past", "status": None},
    "TrainingGateCondition": {
        "people": '[{"time_zone":"UTC","requirements":[0],"users":{"1011":"Liam Murphy (E1011)"}}]',
        "requirements": '[{"lesson_id":201,"lesson_name":"Site Induction","lesson_version_id":2002}]',
        "threshold": 1.0,
        "accepted_states": ["current", "expiring"],
    },
    "UserCondition": {"emp_id": "E1011", "email_address": None},
}


def trigger(condition: str = "UserCondition", **changes: Any) -> DamstraWaitTrigger:
    """Return a trigger, by default for a user that exists."""
    arguments = {
        "damstra_conn_id": "damstra_default",
        "poll_interval": 0.02,
        **ARGUMENTS[condition],
        **changes,
    }
    return DamstraWaitTrigger(condition=condition, **arguments)


def restored(original: DamstraWaitTrigger) -> DamstraWaitTrigger:
    """Return a trigger as another triggerer restores it."""
    classpath, arguments = original.serialize()
    again = pkgutil.resolve_name(classpath)(**json.loads(json.dumps(arguments)))
    assert isinstance(again, DamstraWaitTrigger)
    return again


async def events(one: DamstraWaitTrigger) -> list[TriggerEvent]:
    """Return all events of a trigger."""
    async with asyncio.timeout(10):
        return [event async for event in one.run()]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_serialized_trigger_can_be_restored(condition: str) -> None:
    original = trigger(condition, deadline=2e9, end_from_trigger=True, soft_fail=True, max_poll_failures=3)
    stored = original.serialize()
    assert stored[0] == "airflow_provider_damstra.triggers.wait.DamstraWaitTrigger"
    assert stored[1] == json.loads(json.dumps(stored[1]))
    assert {"condition", "deadline", "end_from_trigger", "soft_fail", *ARGUMENTS[condition]} <= set(stored[1])
    assert restored(original).serialize() == stored


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_trigger_only_reads(condition: str, emulator: DamstraEmulator) -> None:
    (event,) = await events(restored(trigger(condition)))
    assert event.payload["status"] == "success"
    journal = emulator.journal()
    assert journal
    assert {entry["method"] for entry in journal} == {"GET"}
    assert not any(entry["rows"] for entry in journal)


def test_triggers_of_equal_requirements_share_the_text() -> None:
    one, other = (vars(restored(trigger("TrainingGateCondition")))["requirements"] for _ in range(2))
    assert one is other


async def test_deadline_is_absolute_and_survives_restart(emulator: DamstraEmulator) -> None:
    deadline = time.time() + 0.4
    stored = trigger("LessonScheduleCondition", lesson_schedule_ids=[OPEN], deadline=deadline)
    running = asyncio.create_task(events(stored))
    await wait_for_requests(emulator, 2)
    await cancel(running)
    (event,) = await events(restored(stored))
    assert event.payload == {
        "status": "timeout",
        "message": "The sensor has timed out. 0 of 1 lesson schedules completed (1 open). "
        f"Open: lesson schedule {OPEN}: user {LIAM} Liam Murphy, lesson 202 Working at Heights (open).",
    }
    assert time.time() - deadline == pytest.approx(0, abs=0.25)


async def test_trigger_that_begins_after_its_deadline_names_what_is_open(emulator: DamstraEmulator) -> None:
    (event,) = await events(
        trigger("LessonScheduleCondition", lesson_schedule_ids=[OPEN], deadline=time.time() - 60)
    )
    assert event.payload == {
        "status": "timeout",
        "message": "The sensor has timed out. 0 of 1 lesson schedules completed (1 open). "
        f"Open: lesson schedule {OPEN}: user {LIAM} Liam Murphy, lesson 202 Working at Heights (open).",
    }
    assert {entry["method"] for entry in emulator.journal()} == {"GET"}


async def test_condition_that_is_met_fires_success_before_deadline(emulator: DamstraEmulator) -> None:
    (event,) = await events(trigger(deadline=time.time() + 10))
    assert event.payload == {"status": "success", "result": [LIAM]}


async def test_end_from_trigger_skips_but_never_fails_task(emulator: DamstraEmulator) -> None:
    # Without a task instance the result cannot be pushed: a worker does it.
    (success,) = await events(trigger(end_from_trigger=True))
    assert success.payload == {"status": "success", "result": [LIAM]}
    unknown_user: dict[str, Any] = {
        "condition": "UserLessonsCondition",
        "user_id": 999_999,
        "end_from_trigger": True,
    }
    # Airflow would retry a task that failed in the triggerer; a worker fails it permanently.
    (failure,) = await events(trigger(**unknown_user))
    assert type(failure) is TriggerEvent
    assert failure.payload["status"] == "failed"
    # Without a task instance, as in dag.test(), it cannot be skipped either.
    (unskipped,) = await events(trigger(**unknown_user, soft_fail=True))
    assert type(unskipped) is TriggerEvent
    soft = trigger(**unknown_user, soft_fail=True)
    soft.task_instance = cast("Any", SimpleNamespace(task_id="wait"))
    (skip,) = await events(soft)
    assert isinstance(skip, TaskSkippedEvent)


@pytest.mark.needs_airflow("3.3")
async def test_result_is_pushed_according_to_do_xcom_push(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[Any] = []

    async def push(**arguments: Any) -> None:
        pushed.append(arguments["value"])

    monkeypatch.setattr(XCom, "aset", push)
    key = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": 0}
    both: tuple[dict[str, Any], ...] = ({"do_xcom_push": False}, {})
    for options in both:
        one = DamstraLessonScheduleSensor(task_id="wait", lesson_schedule_ids=[OPEN], **options)
        several = DamstraLessonScheduleSensor.partial(task_id="waits", **options).expand(
            lesson_schedule_ids=[[OPEN]]
        )
        for task in (one, several):
            assert await push_result(SimpleNamespace(task=task, **key), [LIAM])
    assert pushed == [[LIAM]] * 2


async def test_cancelled_trigger_leaves_no_tasks(emulator: DamstraEmulator) -> None:
    running = asyncio.create_task(events(trigger("LessonScheduleCondition", lesson_schedule_ids=[OPEN])))
    await wait_for_requests(emulator, 2)
    await cancel(running)
    assert running.cancelled()
    assert not other_tasks()


@pytest.mark.needs_airflow("3.1")  # before it triggers log through logging, without the trigger's context
async def test_failures_are_logged_in_the_context_of_each_trigger(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503, count=1)

    async def run(number: int) -> None:
        structlog.contextvars.bind_contextvars(trigger_id=number)
        await events(trigger("LessonScheduleCondition"))

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as entries:
        await asyncio.gather(*(asyncio.create_task(run(number)) for number in (1, 2)))
    for number in (1, 2):
        failure, end = [str(entry["event"]) for entry in entries if entry.get("trigger_id") == number]
        assert "Failure 1 in a row; it is polled again. Next poll at " in failure
        assert end == "The wait has ended: 1 of 1 lesson schedules completed."
