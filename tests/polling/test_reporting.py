"""How many waits a triggerer has, in Airflow's metrics."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_damstra.polling import poller as polling
from airflow_provider_damstra.polling.subscriptions import PROGRESS_EVERY, Subscription
from tests.clients.clock import until_in_loop
from tests.polling.helpers import LONG_INTERVAL, LogRecorder, cancel, counting_condition, start_wait

if TYPE_CHECKING:
    import pytest

    from airflow_provider_damstra.testing import DamstraEmulator


async def test_waits_are_gauged_while_they_wait(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(Stats, "gauge", lambda name, value, *, tags: said.append((name, value, tags)))
    monkeypatch.setattr(polling, "GAUGE_INTERVAL", 0.0)

    def waits(count: int) -> tuple[str, int, dict[str, str]]:
        return ("damstra.waits", count, {"connection": "damstra_default"})

    tasks = [start_wait(counting_condition(enough=99), poll_interval=0.05) for _ in range(3)]
    await until_in_loop(lambda: bool(said) and said[-1] == waits(3), "three are gauged")
    await cancel(*tasks)
    await until_in_loop(lambda: said[-1] == waits(0), "none is left")


async def test_a_wait_says_how_far_it_is_now_and_then() -> None:
    said = LogRecorder()
    over = asyncio.get_running_loop().create_future()
    wait = Subscription(counting_condition(), LONG_INTERVAL, 5, said, copy_context(), over)
    for step in range(1000):
        wait.tell_progress(f"{step} of 1000", now=50.0 + 2.5 * PROGRESS_EVERY * step / 999)
    assert said.lines[0] == "0 of 1000"
    assert len(said.lines) == 3


async def test_after_a_failure_has_passed_it_says_how_far_it_is() -> None:
    said = LogRecorder()
    over = asyncio.get_running_loop().create_future()
    wait = Subscription(counting_condition(), LONG_INTERVAL, 5, said, copy_context(), over)
    wait.tell_progress("1 of 2", now=50.0)
    wait.tell("Out of order")
    wait.said = ""
    wait.tell_progress("1 of 2", now=50.1)
    assert said.lines == ["1 of 2", "Out of order", "1 of 2"]
