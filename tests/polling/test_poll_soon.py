"""A hint that something may have changed makes the poller ask before its time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions.base import QueryFilter
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule
from airflow_provider_damstra.polling import poller as polling
from airflow_provider_damstra.polling.client import ask
from airflow_provider_damstra.polling.poller import EXPEDITED_INTERVAL
from airflow_provider_damstra.polling.registry import poll_soon
from tests.clients.clock import until_in_loop
from tests.polling.helpers import (
    FIRST,
    LAST,
    LIAM,
    PAUSE,
    SECOND,
    THIRD,
    CountingCondition,
    LogRecorder,
    cancel,
    counting_condition,
    listing_path,
    pending_timers,
    request_counts,
    start_wait,
    user_listing,
    wait_for_fault_hits,
    wait_for_requests,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.conditions.base import Query
    from airflow_provider_damstra.testing import DamstraEmulator

OTHER = 1012
ALONE = GetLessonSchedule(lesson_schedule_id=FIRST)
NEVER_DONE = 1_000_000


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "EXPEDITED_INTERVAL", 0.1)


@dataclass
class Patient(CountingCondition):
    """A wait for what cannot change before tomorrow."""

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the questions."""
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        return {query: QueryFilter(not_before=tomorrow) for query in super().queries()}


def hint(**names: Any) -> int:
    """Give the poller a hint."""
    return poll_soon(damstra_conn_id="damstra_default", **names)


async def begun(*waits: CountingCondition) -> list[asyncio.Task[Any]]:
    """Let waits begin that do not end, until each has its first answer."""
    tasks = [start_wait(wait) for wait in waits]
    await until_in_loop(lambda: all(wait.answers for wait in waits), "the first answers")
    return tasks


def seconds_to_next_poll() -> float:
    """Return when the poller asks next, or 0 if nothing is planned."""
    due = [timer.when() for timer in pending_timers() if "_ask_now" in repr(timer)]
    return min(due) - asyncio.get_running_loop().time() if due else 0.0


@pytest.mark.parametrize(
    ("make_condition", "names"),
    [
        (lambda: counting_condition(enough=NEVER_DONE), {"user_ids": [LIAM]}),
        (lambda: counting_condition(enough=NEVER_DONE), {"lesson_schedule_ids": [LAST]}),
        (
            lambda: counting_condition(enough=NEVER_DONE, rows=frozenset({FIRST})),
            {"lesson_schedule_ids": [FIRST]},
        ),
        (lambda: CountingCondition([ALONE], NEVER_DONE), {"lesson_schedule_ids": [FIRST]}),
        (lambda: Patient([user_listing()], NEVER_DONE), {"user_ids": [LIAM]}),
    ],
    ids=[
        "the user",
        "a schedule that is listed",
        "a schedule waited for",
        "one alone",
        "not before tomorrow",
    ],
)
async def test_what_the_hint_is_about_is_asked_long_before_its_time(
    emulator: DamstraEmulator, make_condition: Callable[[], CountingCondition], names: dict[str, Any]
) -> None:
    tasks = await begun(make_condition())
    assert hint(**names) == 1
    await wait_for_requests(emulator, 2)
    await cancel(*tasks)


async def test_what_it_is_not_about_is_not_asked(emulator: DamstraEmulator) -> None:
    tasks = await begun(
        counting_condition(enough=NEVER_DONE),
        counting_condition(OTHER, enough=NEVER_DONE),
        CountingCondition([GetLessonSchedule(lesson_schedule_id=SECOND)], NEVER_DONE),
    )
    assert hint(user_ids=[OTHER]) == 1
    assert hint(lesson_schedule_ids=[1], user_ids=[2]) == 0
    await wait_for_requests(emulator, 4)
    await cancel(*tasks)
    assert {one: count for one, count in (await request_counts(emulator)).items() if count > 1} == {
        listing_path(OTHER): 2
    }


async def test_many_hints_make_one_request_a_second(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "EXPEDITED_INTERVAL", EXPEDITED_INTERVAL)
    asked: list[float] = []

    async def noted(*arguments: Any) -> Any:
        # When it is sent, by the poller's own clock: when it arrives is the machine's affair.
        asked.append(asyncio.get_running_loop().time())
        return await ask(*arguments)

    monkeypatch.setattr(polling, "ask", noted)
    tasks = await begun(*(counting_condition(enough=NEVER_DONE) for _ in range(20)))
    async with asyncio.timeout(10):
        while len(asked) < 4:
            assert hint(user_ids=[LIAM], lesson_schedule_ids=[FIRST, SECOND]) == 1
            await asyncio.sleep(PAUSE)
    await cancel(*tasks)
    assert min(later - earlier for earlier, later in pairwise(asked)) > EXPEDITED_INTERVAL * 0.99
    assert sum((await request_counts(emulator)).values()) <= len(asked)


async def test_after_a_hint_it_keeps_its_interval_again(emulator: DamstraEmulator) -> None:
    tasks = await begun(counting_condition(enough=NEVER_DONE))
    hint(user_ids=[LIAM])
    await wait_for_requests(emulator, 2)
    await until_in_loop(lambda: seconds_to_next_poll() > 100, "the interval")
    await cancel(*tasks)


async def test_what_is_on_its_way_may_be_older_than_the_hint(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.2, count=1)
    wait = counting_condition(enough=NEVER_DONE)
    task = start_wait(wait)
    await wait_for_fault_hits(emulator)
    assert hint(user_ids=[LIAM]) == 1
    await wait_for_requests(emulator, 2)
    await cancel(task)


async def test_a_change_is_seen(emulator: DamstraEmulator) -> None:
    wait = counting_condition(enough=2)
    task = start_wait(wait)
    await until_in_loop(lambda: bool(wait.answers), "the first answer")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    hint(lesson_schedule_ids=[THIRD])
    async with asyncio.timeout(10):
        await task
    assert wait.answers[0] != wait.answers[1]


async def test_what_fails_keeps_its_distance(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503)
    said = LogRecorder()
    task = start_wait(counting_condition(), say=said)
    await until_in_loop(lambda: bool(said.failures), "the first failure")
    before = [timer.when() for timer in pending_timers()]
    assert hint(user_ids=[LIAM]) == 1
    assert [timer.when() for timer in pending_timers()] == before
    await cancel(task)


async def test_where_nobody_waits_there_is_nothing_to_ask(emulator: DamstraEmulator) -> None:
    assert hint(user_ids=[LIAM]) == 0
    tasks = await begun(counting_condition(enough=NEVER_DONE))
    assert poll_soon(damstra_conn_id="another", user_ids=[LIAM]) == 0
    await cancel(*tasks)
    assert hint(user_ids=[LIAM]) == 0
    assert await request_counts(emulator) == {listing_path(): 1}
