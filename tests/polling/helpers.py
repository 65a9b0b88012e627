"""A condition that records its responses, and access to the poller's requests, tasks and timers."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.conditions.base import OpenItem, PollResult, Query, QueryFilter
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.polling.registry import subscribe
from tests.emulator.api_client import call_control_plane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_damstra.conditions.base import Condition
    from airflow_provider_damstra.testing import DamstraEmulator

T = TypeVar("T")

LONG_INTERVAL = 3600.0
"""A poll interval that is longer than any test, in seconds."""

NEVER = 1_000_000
"""A number of responses that no test reaches."""

PAUSE = 0.01
"""Seconds between two requests for the emulator's journal: more of them would slow the emulator down."""

LIAM = 1011
# Ids of his schedules, in the order of the listing.
FIRST, SECOND, THIRD, LAST = 30001, 30013, 30040, 30067


@dataclass
class RecordingCondition:
    """A condition that is met after a number of responses; the poller passes on changed ones only.

    :param rows: the rows that it needs of each listing; None is for all.
    :param not_before: when the responses can change, from the first one on.
    """

    required: list[Query]
    done_after: int = 1
    rows: frozenset[int] | None = None
    not_before: datetime | None = None
    responses: list[Any] = field(default_factory=list)
    is_started: bool = False

    def queries(self) -> dict[Query, QueryFilter]:
        self.is_started = True
        not_before = self.not_before if self.responses else None
        return {query: QueryFilter(row_keys=self.rows, not_before=not_before) for query in self.required}

    def update(self, query: Query, response: Any) -> None:
        self.responses.append(response)

    def evaluate(self) -> PollResult:
        count = len(self.responses)
        return PollResult(is_met=self.done_after == count, progress=f"{count} responses", result=[count])

    def open_items(self) -> list[OpenItem]:
        return [f"response {self.done_after}".__str__]


def listing(user_id: int = LIAM) -> ListUserLessonSchedules:
    """Return the query for a user's schedules."""
    return ListUserLessonSchedules(user_id=user_id)


def recording(*users: int, **changes: Any) -> RecordingCondition:
    """Return a condition on users' schedules, by default Liam's."""
    return RecordingCondition([listing(user) for user in users or (LIAM,)], **changes)


@dataclass
class LogRecorder:
    """A log function that keeps the lines."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> None:
        self.lines.append(text)

    @property
    def failures(self) -> list[str]:
        """Return the sentence of each failure that contains its number."""
        found = (re.search(r"Failure \d.*?\.", line) for line in self.lines)
        return [match.group() for match in found if match]


def start_polling(
    condition: Condition, *, conn_id: str = "damstra_default", **changes: Any
) -> asyncio.Task[PollResult]:
    """Start a task that polls until a condition is done."""
    options = {"poll_interval": LONG_INTERVAL, "max_poll_failures": 5, "log": LogRecorder(), **changes}

    async def poll() -> PollResult:
        async with subscribe(condition, damstra_conn_id=conn_id, **options) as result:
            return await result

    task = asyncio.create_task(poll())
    # Retrieve the error of a task that is not awaited: its warning would appear in another test.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def path(user_id: int = LIAM) -> str:
    """Return the path of a user's listing."""
    return listing(user_id).request().path


async def request_counts(emulator: DamstraEmulator) -> Counter[str]:
    """Return the number of polls by path."""
    return Counter(entry["path"] for entry in await _first_pages(emulator))


async def request_times(emulator: DamstraEmulator) -> list[float]:
    """Return the times of polls, in seconds."""
    return [datetime.fromisoformat(entry["time"]).timestamp() for entry in await _first_pages(emulator)]


async def _first_pages(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    """Return the requests except those for further pages: reading all rows ends with an empty page."""
    journal = await asyncio.to_thread(emulator.journal)
    return [entry for entry in journal if entry["query"].get("startIndex", "0") == "0"]


async def wait_for_requests(emulator: DamstraEmulator, count: int) -> None:
    """Wait until the emulator has received a number of polls."""
    await _wait_until(lambda: _first_pages(emulator), lambda requests: len(requests) >= count)


async def wait_for_fault_hits(emulator: DamstraEmulator, count: int = 1) -> None:
    """Wait until faults have applied to a number of requests: delayed ones are in flight then."""

    async def count_hits() -> int:
        rules = await asyncio.to_thread(call_control_plane, emulator, "GET", "/faults")
        return sum(rule["hits"] for rule in rules.json())

    await _wait_until(count_hits, lambda number: number >= count)


async def wait_until_idle(tasks: int) -> None:
    """Wait until this loop has no other tasks than a number of polling ones: no request is in flight."""

    async def others() -> int:
        return len(other_tasks())

    await _wait_until(others, lambda number: number <= tasks)


async def _wait_until(get: Callable[[], Awaitable[T]], is_reached: Callable[[T], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if is_reached(await get()):
                return
            await asyncio.sleep(PAUSE)


def pending_timers() -> list[asyncio.TimerHandle]:
    """Return the active timers of this loop."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


def other_tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks of this loop except the current one."""
    return asyncio.all_tasks() - {asyncio.current_task()}
