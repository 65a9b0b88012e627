"""The trigger of every deferrable sensor: what it is stored as, when it gives up, what it says and where."""

from __future__ import annotations

import asyncio
import json
import pkgutil
import time
from contextvars import ContextVar
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
from tests.clients.clock import until_in_loop
from tests.polling.helpers import (
    FIRST,
    LIAM,
    THIRD,
    LogRecorder,
    counting_condition,
    other_tasks,
    start_wait,
    wait_for_requests,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

COMPLETED, OPEN = FIRST, THIRD
ARGUMENTS: dict[str, dict[str, Any]] = {
    "LessonScheduleCondition": {"lesson_schedule_ids": [COMPLETED], "owners": {str(COMPLETED): LIAM}},
    "UserLessonsCondition": {"user_id": "1011", "lesson_ids": [201], "fail_on": ["cancelled"]},
    "GroupLessonCondition": {"group_id": 102, "lesson_id": 201, "threshold": 0.1, "fail_on": []},
    "IltSessionCondition": {"ilt_session_id": 401, "state": "past", "status": None},
    "UserCondition": {"emp_id": "E1011", "email_address": None},
}


def trigger(condition: str = "UserCondition", **changes: Any) -> DamstraWaitTrigger:
    """Return a trigger, by default for a user who is there."""
    arguments = {
        "damstra_conn_id": "damstra_default",
        "poll_interval": 0.02,
        **ARGUMENTS[condition],
        **changes,
    }
    return DamstraWaitTrigger(condition=condition, **arguments)


def restored(original: DamstraWaitTrigger) -> DamstraWaitTrigger:
    """Return a trigger as another triggerer builds it, much later."""
    classpath, arguments = original.serialize()
    again = pkgutil.resolve_name(classpath)(**json.loads(json.dumps(arguments)))
    assert isinstance(again, DamstraWaitTrigger)
    return again


async def events(one: DamstraWaitTrigger) -> list[TriggerEvent]:
    """Return all events of a trigger."""
    async with asyncio.timeout(10):
        return [event async for event in one.run()]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_it_is_stored_as_json_and_comes_back_the_same(condition: str) -> None:
    original = trigger(condition, deadline=2e9, end_from_trigger=True, soft_fail=True, max_poll_failures=3)
    stored = original.serialize()
    assert stored[0] == "airflow_provider_damstra.triggers.wait.DamstraWaitTrigger"
    assert stored[1] == json.loads(json.dumps(stored[1]))
    assert {"condition", "deadline", "end_from_trigger", "soft_fail", *ARGUMENTS[condition]} <= stored[
        1
    ].keys()
    assert restored(original).serialize() == stored


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_it_only_reads(condition: str, emulator: DamstraEmulator) -> None:
    (event,) = await events(restored(trigger(condition)))
    assert event.payload["status"] == "success"
    journal = emulator.journal()
    assert journal
    assert {entry["method"] for entry in journal} == {"GET"}
    assert not any(entry["rows"] for entry in journal)


async def test_the_deadline_is_a_moment_and_outlives_a_restart(emulator: DamstraEmulator) -> None:
    deadline = time.time() + 0.4
    stored = trigger("LessonScheduleCondition", lesson_schedule_ids=[OPEN], deadline=deadline)
    running_trigger = asyncio.create_task(events(stored))
    await wait_for_requests(emulator, 2)
    running_trigger.cancel()
    await asyncio.wait([running_trigger])
    (event,) = await events(restored(stored))
    assert event.payload == {
        "status": "timeout",
        "message": "Its time is up: 0 of 1 lesson schedules completed (1 open).",
    }
    assert time.time() - deadline == pytest.approx(0, abs=0.25)


async def test_a_deadline_that_has_passed_ends_it_at_once(emulator: DamstraEmulator) -> None:
    (event,) = await events(
        trigger("LessonScheduleCondition", lesson_schedule_ids=[OPEN], deadline=time.time() - 60)
    )
    assert event.payload["status"] == "timeout"


async def test_what_is_over_when_it_looks_is_over_whatever_the_time(emulator: DamstraEmulator) -> None:
    (event,) = await events(trigger(deadline=time.time() + 10))
    assert event.payload == {"status": "success", "result": [LIAM]}


async def test_it_can_end_the_task(emulator: DamstraEmulator) -> None:
    # Without a task instance there is nobody whose result could be kept: a worker does it.
    (success,) = await events(trigger(end_from_trigger=True))
    assert success.payload == {"status": "success", "result": [LIAM]}
    nobody: dict[str, Any] = {
        "condition": "UserLessonsCondition",
        "user_id": 999_999,
        "end_from_trigger": True,
    }
    # Airflow would retry a failure that ended here; a worker fails for good.
    (failure,) = await events(trigger(**nobody))
    assert type(failure) is TriggerEvent
    assert failure.payload["status"] == "failed"
    # Nor can it be skipped from here, as in dag.test().
    (unskipped,) = await events(trigger(**nobody, soft_fail=True))
    assert type(unskipped) is TriggerEvent
    soft = trigger(**nobody, soft_fail=True)
    soft.task_instance = cast("Any", SimpleNamespace(task_id="wait"))
    (skip,) = await events(soft)
    assert isinstance(skip, TaskSkippedEvent)


@pytest.mark.needs_airflow("3.3")
async def test_a_result_that_is_not_to_be_pushed_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[Any] = []

    async def push(**arguments: Any) -> None:
        pushed.append(arguments["value"])

    monkeypatch.setattr(XCom, "aset", push)
    place = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": 0}
    both: tuple[dict[str, Any], ...] = ({"do_xcom_push": False}, {})
    for options in both:
        one = DamstraLessonScheduleSensor(task_id="wait", lesson_schedule_ids=[OPEN], **options)
        several = DamstraLessonScheduleSensor.partial(task_id="waits", **options).expand(
            lesson_schedule_ids=[[OPEN]]
        )
        for task in (one, several):
            assert await push_result(SimpleNamespace(task=task, **place), [LIAM])
    assert pushed == [[LIAM]] * 2


async def test_a_trigger_that_is_cancelled_leaves_nothing_behind(emulator: DamstraEmulator) -> None:
    running_trigger = asyncio.create_task(
        events(trigger("LessonScheduleCondition", lesson_schedule_ids=[OPEN]))
    )
    await wait_for_requests(emulator, 2)
    running_trigger.cancel()
    await asyncio.wait([running_trigger])
    assert running_trigger.cancelled()
    assert not other_tasks()


async def test_each_wait_speaks_in_the_context_of_its_own_task(emulator: DamstraEmulator) -> None:
    task_id: ContextVar[str] = ContextVar("task_id", default="nobody")
    said: dict[str, set[str]] = {}

    async def wait(name: str) -> None:
        task_id.set(name)
        await start_wait(
            counting_condition(enough=2),
            poll_interval=0.02,
            say=lambda text: said.setdefault(name, set()).add(task_id.get()),
        )

    tasks = [asyncio.create_task(wait(name)) for name in ("first", "second", "third")]
    await until_in_loop(lambda: len(said) == 3, "all have said something")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    await asyncio.gather(*tasks)
    assert said == {name: {name} for name in ("first", "second", "third")}


@pytest.mark.needs_airflow("3.1")  # before it triggers log through logging, which knows no trigger
async def test_failures_stand_in_the_log_of_the_triggers_own_task(
    emulator: DamstraEmulator,
) -> None:
    emulator.add_fault("status", status=503, count=1)

    async def run(number: int) -> None:
        structlog.contextvars.bind_contextvars(trigger_id=number)
        await events(trigger("LessonScheduleCondition"))

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as entries:
        await asyncio.gather(*(asyncio.create_task(run(number)) for number in (1, 2)))
    for number in (1, 2):
        (line,) = [str(entry["event"]) for entry in entries if entry.get("trigger_id") == number]
        assert "Failure 1 in a row; it is asked again." in line


async def test_the_log_tells_that_a_failure_has_passed(emulator: DamstraEmulator) -> None:
    said = LogRecorder()
    held = start_wait(counting_condition(enough=1_000_000), poll_interval=0.02, say=said)
    await until_in_loop(lambda: bool(said.lines), "the first progress")
    emulator.add_fault("status", status=503, count=1)
    await until_in_loop(lambda: len(said.lines) == 3, "the failure and its passing")
    assert "Failure 1 in a row" in said.lines[1]
    assert said.lines[2].endswith(" answers")
    held.cancel()
    await asyncio.wait([held])
