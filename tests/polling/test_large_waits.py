"""A condition with many queries: how often it is evaluated, and how many failures are logged."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions.base import QueryFilter
from airflow_provider_damstra.errors import DamstraTransportError
from airflow_provider_damstra.polling import subscriptions
from airflow_provider_damstra.polling.client import ReloadingClient
from tests.polling.helpers import (
    LIAM,
    NEVER,
    LogRecorder,
    RecordingCondition,
    cancel,
    listing,
    path,
    recording,
    request_counts,
    start_polling,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Query
    from airflow_provider_damstra.testing import DamstraEmulator

PEOPLE = range(1, 501)


@dataclass
class CountingCondition(RecordingCondition):
    evaluations: int = 0

    def queries(self) -> dict[Query, QueryFilter]:
        self.evaluations += 1
        return super().queries()


def counting(**changes: Any) -> CountingCondition:
    return CountingCondition([listing(user) for user in PEOPLE], **changes)


@pytest.fixture
def instant_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Respond to each query immediately, with changed rows."""

    async def fetch(self: ReloadingClient, query: Any, **_: Any) -> tuple[list[float], bool]:
        await asyncio.sleep(0)
        return [time.monotonic()], True

    monkeypatch.setattr(ReloadingClient, "fetch", fetch)
    monkeypatch.setattr(subscriptions.PolledQuery, "changed_rows", lambda self, response: None)


def pauses_since(started: float) -> float:
    return (time.monotonic() - started) / (len(PEOPLE) * subscriptions.PAUSE_PER_QUERY)


@pytest.mark.usefixtures("emulator", "instant_fetch")
async def test_responses_of_many_people_are_evaluated_together() -> None:
    condition = counting(done_after=NEVER)
    started = time.monotonic()
    task = start_polling(condition, poll_interval=0.1)
    await wait_until_async(lambda: len(condition.responses) >= 5 * len(PEOPLE), "five polls of each")
    assert condition.evaluations <= pauses_since(started) + 2
    await cancel(task)


@pytest.mark.usefixtures("emulator", "instant_fetch")
async def test_responses_of_last_people_are_evaluated_together() -> None:
    condition = counting(done_after=NEVER)
    task = start_polling(condition, poll_interval=0.01)
    await wait_until_async(lambda: len(condition.responses) >= len(PEOPLE), "the first poll of each")
    condition.required = condition.required[:5]
    count, started = condition.evaluations, time.monotonic()
    done = len(condition.responses) + 4 * len(PEOPLE)
    await wait_until_async(lambda: len(condition.responses) >= done, "more polls")
    assert condition.evaluations - count <= pauses_since(started) + 2
    await cancel(task)


async def test_last_response_is_evaluated(emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(self: ReloadingClient, query: Any, **_: Any) -> tuple[list[Any], bool]:
        return [], True

    monkeypatch.setattr(ReloadingClient, "fetch", fetch)
    condition = counting(done_after=len(PEOPLE))
    result = await asyncio.wait_for(start_polling(condition), 10)
    assert result.result == [len(PEOPLE)]
    assert condition.evaluations < len(PEOPLE) / 10


async def test_error_in_later_evaluation_ends_wait(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "PAUSE_PER_QUERY", 0.01)

    def evaluate(self: CountingCondition) -> None:
        raise RuntimeError("no result")

    monkeypatch.setattr(CountingCondition, "evaluate", evaluate)
    task = start_polling(CountingCondition([listing(LIAM), listing(LIAM + 1)]))
    with pytest.raises(RuntimeError, match="no result"):
        await asyncio.wait_for(task, 10)


async def test_failures_of_many_people_are_not_all_logged(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Any] = []

    async def fetch(self: ReloadingClient, query: Any, **_: Any) -> tuple[list[Any], bool]:
        await asyncio.sleep(0)
        failed.append(query)
        raise DamstraTransportError(f"The schedules of {query.user_id} cannot be read.")

    monkeypatch.setattr(ReloadingClient, "fetch", fetch)
    log = LogRecorder()
    started = time.monotonic()
    task = start_polling(counting(), log=log)
    await wait_until_async(lambda: len(failed) == len(PEOPLE), "the failure of each poll")
    assert 1 <= len(log.failures) <= pauses_since(started) + 1
    await cancel(task)


async def test_later_evaluation_postpones_polls_to_start_of_schedules(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "PAUSE_PER_QUERY", 0.25)
    other = LIAM + 2
    condition = recording(LIAM, LIAM + 1, done_after=NEVER, not_before=datetime(2100, 1, 1, tzinfo=UTC))
    log = LogRecorder()
    task = start_polling(condition, poll_interval=1.0, log=log)
    await wait_until_async(lambda: bool(log.lines), "the evaluation")
    polling = start_polling(recording(other, done_after=NEVER), poll_interval=0.05)
    await wait_for_requests(emulator, 30)
    counts = await request_counts(emulator)
    assert (counts[path(LIAM)], counts[path(LIAM + 1)]) == (1, 1)
    await cancel(task, polling)


class CountedRow:
    """A row that counts how often its key is read."""

    reads = 0

    def __init__(self, key: int) -> None:
        self.key = key

    @property
    def row_key(self) -> int:
        CountedRow.reads += 1
        return self.key


def test_rows_are_read_once_for_many_waits_on_one_user() -> None:
    polled = subscriptions.PolledQuery(listing())
    polled.response = [CountedRow(key) for key in PEOPLE]
    waits: Any = {key: QueryFilter(row_keys=(key,)) for key in range(len(PEOPLE) + 2)}
    polled.subscriptions = waits
    satisfied: list[Any] = [key for key, _ in polled.satisfied()]
    assert satisfied == list(PEOPLE)
    assert CountedRow.reads == len(PEOPLE)
