"""Requests for certificates of many waits: each is shared, cached, and expedited by an event."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.training_gate import TrainingGateCondition
from airflow_provider_damstra.conditions.user import UserLessonsCondition
from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.polling import poller
from airflow_provider_damstra.polling.client import ReloadingClient
from airflow_provider_damstra.polling.registry import poll_soon
from tests.polling.helpers import (
    LIAM,
    THIRD,
    LogRecorder,
    cancel,
    request_counts,
    start_polling,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition
    from airflow_provider_damstra.testing import DamstraEmulator

HEIGHTS = 202
LISTING, CERTIFICATE = f"/user/{LIAM}/lesson_schedule", f"/lesson_schedule/{THIRD}/certificate"


def conditions(count: int) -> list[Condition]:
    """Return conditions of two kinds on Liam's schedule for Working at Heights."""
    users = {str(THIRD): LIAM}
    return [
        UserLessonsCondition(user_id=LIAM, lesson_ids=HEIGHTS, require_passed=True)
        if number % 2
        else LessonScheduleCondition(
            lesson_schedule_ids=THIRD, users_by_schedule=users, require_passed=True, fail_on=["not_passed"]
        )
        for number in range(count)
    ]


@pytest.fixture(autouse=True)
def _short_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "MIN_EXPEDITED_INTERVAL", 0.05)


@pytest.mark.parametrize("passed", [True, False])
async def test_certificate_is_requested_once_for_all_waits(passed: bool, emulator: DamstraEmulator) -> None:
    logs = [LogRecorder() for _ in range(20)]
    tasks = [start_polling(one, log=log) for one, log in zip(conditions(20), logs, strict=True)]
    await wait_until_async(lambda: all(log.lines for log in logs), "all waits have polled")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD, passed=passed)
    await asyncio.to_thread(emulator.clear_journal)
    poll_soon(damstra_conn_id="damstra_default", user_ids=[LIAM])
    results = await asyncio.gather(*(tasks if passed else tasks[::2]))
    assert {result.is_met for result in results} == {passed}
    assert all("failed test" in (result.failure or "failed test") for result in results)
    if not passed:
        poll_soon(damstra_conn_id="damstra_default", user_ids=[LIAM])
        await wait_for_requests(emulator, 3)
        assert not any(task.done() for task in tasks[1::2])
    assert await request_counts(emulator) == {LISTING: 1 if passed else 2, CERTIFICATE: 1}
    await cancel(*tasks)


async def test_training_gates_share_requests_with_each_other_and_with_other_waits(
    emulator: DamstraEmulator,
) -> None:
    people = f'[{{"time_zone":"UTC","requirements":[0],"users":{{"{LIAM}":null}}}}]'
    requirement = {
        "lesson_id": HEIGHTS,
        "lesson_name": "H",
        "lesson_version_id": 2003,
        "require_passed": True,
    }
    texts: dict[str, Any] = {"people": people, "requirements": json.dumps([requirement])}
    waits = [*(TrainingGateCondition(**texts) for _ in range(10)), *conditions(2)]
    logs = [LogRecorder() for _ in waits]
    tasks = [start_polling(one, log=log) for one, log in zip(waits, logs, strict=True)]
    await wait_until_async(lambda: all(log.lines for log in logs), "all waits have polled")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    await asyncio.to_thread(emulator.clear_journal)
    poll_soon(damstra_conn_id="damstra_default", user_ids=[LIAM])
    assert all(result.is_met for result in await asyncio.gather(*tasks))
    assert await request_counts(emulator) == {LISTING: 1, CERTIFICATE: 1, f"/user/{LIAM}": 1}


async def test_event_expedites_missing_certificate(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    fetch = ReloadingClient.fetch
    is_issued = False

    async def fetch_certificate(self: ReloadingClient, query: Any, **options: Any) -> Any:
        if isinstance(query, DownloadCertificate) and not is_issued:
            raise DamstraNotFoundError("no certificate")
        return await fetch(self, query, **options)

    monkeypatch.setattr(ReloadingClient, "fetch", fetch_certificate)
    condition = UserLessonsCondition(user_id=LIAM, lesson_ids=HEIGHTS, require_passed=True)
    task = start_polling(condition)
    await wait_until_async(lambda: "failed test" in condition.evaluate().progress, "no certificate")
    is_issued = True
    assert poll_soon(damstra_conn_id="damstra_default", lesson_schedule_ids=[THIRD]) == 2
    assert (await asyncio.wait_for(task, 10)).is_met
