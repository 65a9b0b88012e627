"""Failed polls are counted for each subscription, against its own limit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraServerError
from tests.polling.helpers import NEVER, LogRecorder, cancel, recording, request_counts, start_polling
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


async def test_failures_end_only_the_subscription_with_the_lower_limit(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503, count=2)
    strict = start_polling(recording(), poll_interval=0.01, max_poll_failures=0)
    tolerant = start_polling(recording(), poll_interval=0.01, max_poll_failures=2)
    with pytest.raises(DamstraServerError):
        await strict
    assert (await tolerant).result == [1]


async def test_404_of_a_proxy_counts_as_failure(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=404, count=1)
    log = LogRecorder()
    assert (await start_polling(recording(), poll_interval=0.01, max_poll_failures=1, log=log)).result == [1]
    assert log.failures == ["Failure 1 in a row; it is polled again."]
    assert "The response is not Damstra's" in log.lines[0]


async def test_retry_after_header_postpones_next_poll(emulator: DamstraEmulator) -> None:
    busy: dict[str, Any] = {"status": 503, "headers": {"Retry-After": "1"}, "body": {"error": "Later"}}
    emulator.add_fault("status", count=1, **busy)
    await start_polling(recording(), poll_interval=0.01, max_poll_failures=1)
    first, second, *_ = (datetime.fromisoformat(entry["time"]) for entry in emulator.journal())
    assert (second - first).total_seconds() >= 0.95


async def test_success_resets_failure_count(emulator: DamstraEmulator) -> None:
    log = LogRecorder()
    task = start_polling(recording(done_after=NEVER), poll_interval=0.01, max_poll_failures=1, log=log)
    for count in range(1, 10, 2):
        await wait_until_async(lambda: len(log.lines) == count, "a response")  # noqa: B023
        emulator.add_fault("status", status=503, count=1)
        await wait_until_async(lambda: len(log.lines) == count + 1, "a failure")  # noqa: B023
    assert log.failures == ["Failure 1 in a row; it is polled again."] * 5
    await cancel(task)


async def test_new_subscription_starts_with_no_failures_counted(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503)
    log = LogRecorder()
    early = start_polling(recording(), poll_interval=0.01, max_poll_failures=20, log=log)
    await wait_until_async(lambda: len(log.failures) >= 3, "three failures")
    before = (await request_counts(emulator)).total()
    with pytest.raises(DamstraServerError):
        await start_polling(recording(), poll_interval=0.01, max_poll_failures=2)
    assert (await request_counts(emulator)).total() - before >= 3
    await cancel(early)


async def test_polls_for_new_subscriptions_do_not_count_for_others(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503)
    log = LogRecorder()
    early = start_polling(recording(), max_poll_failures=3, log=log)
    await wait_until_async(lambda: len(log.failures) == 1, "the first failure")
    for _ in range(6):
        with pytest.raises(DamstraServerError):
            await start_polling(recording(), max_poll_failures=0)
    was_done = early.done()
    await cancel(early)
    assert not was_done


async def test_each_failure_is_logged(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503, count=2)
    log = LogRecorder()
    await start_polling(recording(), poll_interval=0.01, log=log)
    assert log.failures == [f"Failure {count} in a row; it is polled again." for count in (1, 2)]
    assert all("HTTP 503" in line for line in log.lines)
