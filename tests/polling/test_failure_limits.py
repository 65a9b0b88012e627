"""How many failures a wait bears is its own affair."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraServerError
from tests.clients.clock import until_in_loop
from tests.polling.helpers import LogRecorder, cancel, counting_condition, request_counts, start_wait

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


async def test_one_ends_and_another_bears_it(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503, count=2)
    impatient = start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=0)
    held = start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=2)
    with pytest.raises(DamstraServerError):
        await impatient
    assert (await held).result == [1]


async def test_a_page_that_a_proxy_does_not_find_is_a_failure_and_no_answer(
    emulator: DamstraEmulator,
) -> None:
    emulator.add_fault("status", status=404, count=1)
    said = LogRecorder()
    assert (
        await start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=1, say=said)
    ).result == [1]
    assert said.failures == ["Failure 1 in a row; it is asked again."]
    assert "The response is not Damstra's" in said.lines[0]


async def test_it_is_not_asked_again_before_the_server_said(emulator: DamstraEmulator) -> None:
    busy: dict[str, Any] = {"status": 503, "headers": {"Retry-After": "1"}, "body": {"error": "Later"}}
    emulator.add_fault("status", count=1, **busy)
    await start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=1)
    first, second, *_ = (datetime.fromisoformat(entry["time"]) for entry in emulator.journal())
    assert (second - first).total_seconds() >= 0.95


async def test_an_answer_between_them_keeps_failures_apart(emulator: DamstraEmulator) -> None:
    said = LogRecorder()
    held = start_wait(counting_condition(enough=1_000_000), poll_interval=0.01, max_poll_failures=1, say=said)
    for count in range(1, 10, 2):
        await until_in_loop(lambda: len(said.lines) == count, "an answer")  # noqa: B023
        emulator.add_fault("status", status=503, count=1)
        await until_in_loop(lambda: len(said.lines) == count + 1, "a failure")  # noqa: B023
    assert said.failures == ["Failure 1 in a row; it is asked again."] * 5
    await cancel(held)


async def test_who_comes_late_has_all_of_its_budget(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503)
    said = LogRecorder()
    early = start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=20, say=said)
    await until_in_loop(lambda: len(said.failures) >= 3, "three failures")
    before = (await request_counts(emulator)).total()
    with pytest.raises(DamstraServerError):
        await start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=2)
    assert (await request_counts(emulator)).total() - before >= 3
    await cancel(early)


async def test_who_comes_late_does_not_use_up_the_budget_of_others(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503)
    said = LogRecorder()
    early = start_wait(counting_condition(), max_poll_failures=3, say=said)
    await until_in_loop(lambda: len(said.failures) == 1, "the first failure")
    for _ in range(6):
        with pytest.raises(DamstraServerError):
            await start_wait(counting_condition(), max_poll_failures=0)
    was_done = early.done()
    await cancel(early)
    assert not was_done


async def test_each_failure_is_told_with_what_comes_of_it(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503, count=2)
    said = LogRecorder()
    await start_wait(counting_condition(), poll_interval=0.01, say=said)
    assert said.failures == [f"Failure {count} in a row; it is asked again." for count in (1, 2)]
    assert all("HTTP 503" in line for line in said.lines)
