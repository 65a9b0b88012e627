"""Reports of the poller: the gauge of waiting tasks, and log lines in each task's context."""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_damstra.conditions.user import GroupLessonCondition
from airflow_provider_damstra.polling import poller
from airflow_provider_damstra.polling.registry import subscribe
from airflow_provider_damstra.polling.subscriptions import PROGRESS_INTERVAL, Subscription
from tests.polling.helpers import (
    LIAM,
    LONG_INTERVAL,
    NEVER,
    THIRD,
    LogRecorder,
    cancel,
    listing,
    recording,
    start_polling,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    import pytest

    from airflow_provider_damstra.testing import DamstraEmulator


async def test_gauge_reports_number_of_subscriptions(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(Stats, "gauge", lambda name, value, *, tags: reported.append((name, value, tags)))
    monkeypatch.setattr(poller, "GAUGE_INTERVAL", 0.0)

    def gauge(count: int) -> tuple[str, int, dict[str, str]]:
        return ("damstra.waits", count, {"connection": "damstra_default"})

    tasks = [start_polling(recording(done_after=NEVER), poll_interval=0.05) for _ in range(3)]
    await wait_until_async(lambda: bool(reported) and reported[-1] == gauge(3), "three to be reported")
    await cancel(*tasks)
    await wait_until_async(lambda: reported[-1] == gauge(0), "zero to be reported")


def subscription() -> Subscription:
    """Return a subscription that is not active."""
    options: dict[str, Any] = {"poll_interval": LONG_INTERVAL, "max_poll_failures": 5, "log": LogRecorder()}
    return subscribe(recording(), damstra_conn_id="damstra_default", **options)


async def test_progress_is_logged_at_most_once_per_interval() -> None:
    inactive = subscription()
    times = [50.0 + 2.5 * PROGRESS_INTERVAL * step / 999 for step in range(1000)]
    logged = [step for step, now in enumerate(times) if inactive.is_new_progress(f"{step} of 1000", now=now)]
    assert logged[0] == 0
    assert len(logged) == 3


async def test_progress_is_logged_again_after_failure() -> None:
    inactive = subscription()
    assert inactive.is_new_progress("1 of 2", now=50.0)
    inactive.count_failure(listing(), now=50.0)
    assert inactive.is_new_line("Out of order")
    assert inactive.reset_failures(listing())
    assert inactive.is_new_progress("1 of 2", now=50.1)


async def test_line_names_who_is_open_and_times_and_is_logged_once(emulator: DamstraEmulator) -> None:
    log = LogRecorder()
    started_at = datetime.now(UTC).replace(microsecond=0)
    condition = GroupLessonCondition(group_id=102, lesson_id=202, fail_on=())
    task = start_polling(condition, poll_interval=0.02, timeout=3600, log=log)
    await wait_for_requests(emulator, 20)
    (line,) = log.lines
    assert "members of group 102 completed lesson 202. Open: " in line
    assert f"user {LIAM} Liam Murphy, lesson 202 (open)" in line
    found = re.search(r"Next poll at (.*) UTC, deadline at (.*) UTC\.$", line)
    assert found
    poll, deadline = (datetime.fromisoformat(f"{text}Z") for text in found.groups())
    assert timedelta() <= poll - started_at < timedelta(minutes=1)
    assert timedelta(hours=1) <= deadline - started_at < timedelta(hours=1, minutes=1)
    await cancel(task)


async def test_next_poll_is_not_before_start_of_schedules(emulator: DamstraEmulator) -> None:
    log = LogRecorder()
    condition = recording(done_after=NEVER, not_before=datetime(2100, 1, 1, tzinfo=UTC))
    task = start_polling(condition, log=log)
    await wait_until_async(lambda: bool(log.lines), "the first progress")
    assert log.lines[0].endswith("Next poll at 2100-01-01 00:00:00 UTC.")
    await cancel(task)


async def test_log_lines_are_in_the_context_of_their_task(emulator: DamstraEmulator) -> None:
    task_id: ContextVar[str] = ContextVar("task_id", default="none")
    logged: dict[str, set[str]] = {}

    async def wait(name: str) -> None:
        task_id.set(name)
        await start_polling(
            recording(done_after=2),
            poll_interval=0.02,
            log=lambda text: logged.setdefault(name, set()).add(task_id.get()),
        )

    tasks = [asyncio.create_task(wait(name)) for name in ("first", "second", "third")]
    await wait_until_async(lambda: len(logged) == 3, "a line of each")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    await asyncio.gather(*tasks)
    assert logged == {name: {name} for name in ("first", "second", "third")}


async def test_recovery_from_failure_is_logged(emulator: DamstraEmulator) -> None:
    log = LogRecorder()
    task = start_polling(recording(done_after=NEVER), poll_interval=0.02, log=log)
    await wait_until_async(lambda: bool(log.lines), "the first progress")
    emulator.add_fault("status", status=503, count=1)
    await wait_until_async(lambda: len(log.lines) == 3, "the failure and the progress after it")
    assert "Failure 1 in a row; it is polled again. Next poll at " in log.lines[1]
    assert " responses. Open: " in log.lines[2]
    await cancel(task)
