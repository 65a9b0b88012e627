"""What a wait says of itself while it goes on."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

from airflow_provider_damstra.polling.subscriptions import PROGRESS_EVERY, Subscription
from tests.triggers.polling import NEVER, Said, curious


async def test_a_wait_says_how_far_it_is_now_and_then() -> None:
    said = Said()
    over = asyncio.get_running_loop().create_future()
    wait = Subscription(curious(), NEVER, 5, said, copy_context(), over)
    for step in range(1000):
        wait.tell_progress(f"{step} of 1000", now=50.0 + 2.5 * PROGRESS_EVERY * step / 999)
    assert said.lines[0] == "0 of 1000"
    assert len(said.lines) == 3


async def test_after_a_failure_has_passed_it_says_how_far_it_is() -> None:
    said = Said()
    over = asyncio.get_running_loop().create_future()
    wait = Subscription(curious(), NEVER, 5, said, copy_context(), over)
    wait.tell_progress("1 of 2", now=50.0)
    wait.tell("Out of order")
    wait.said = ""
    wait.tell_progress("1 of 2", now=50.1)
    assert said.lines == ["1 of 2", "Out of order", "1 of 2"]
