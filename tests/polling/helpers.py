"""Waits that a test can look into, and the poller's traces: requests, tasks, pending_timers and sessions."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.conditions.base import PollResult, Query, QueryFilter
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.polling.registry import poll_until_done

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_damstra.testing import DamstraEmulator

T = TypeVar("T")

LONG_INTERVAL = 3600.0
"""An interval that is longer than any test."""

PAUSE = 0.01
"""Seconds between two looks into the emulator: who looks without end slows down what is looked at."""

LIAM = 1011
# Of his schedules, in the order in which they are listed.
FIRST, SECOND, THIRD, LAST = 30001, 30013, 30040, 30067


@dataclass
class CountingCondition:
    """A wait that is over once it has learnt often enough; the same answer again is nothing to update.

    :param rows: what it wants of each listing; None is for all.
    """

    questions: list[Query]
    enough: int = 1
    rows: frozenset[int] | None = None
    answers: list[Any] = field(default_factory=list)
    has_begun: bool = False

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the questions."""
        self.has_begun = True
        return {query: QueryFilter(rows=self.rows) for query in self.questions}

    def update(self, query: Query, answer: Any) -> None:
        """Take an answer."""
        self.answers.append(answer)

    def evaluate(self) -> PollResult:
        """Return whether that is enough."""
        count = len(self.answers)
        return PollResult(is_done=self.enough == count, progress=f"{count} answers", result=[count])


def user_listing(user_id: int = LIAM) -> ListUserLessonSchedules:
    """Return the query for a user's schedules."""
    return ListUserLessonSchedules(user_id=user_id)


def counting_condition(*users: int, **changes: Any) -> CountingCondition:
    """Return a wait that asks for users' schedules, by default Liam's."""
    return CountingCondition([user_listing(user) for user in users or (LIAM,)], **changes)


@dataclass
class LogRecorder:
    """What a wait has said."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> None:
        self.lines.append(text)

    @property
    def failures(self) -> list[str]:
        """Return the last sentence of each failure."""
        return [line.rpartition(". ")[2] for line in self.lines if "Failure" in line]


def start_wait(wait: Any, *, conn_id: str = "damstra_default", **changes: Any) -> asyncio.Task[PollResult]:
    """Let a wait begin in a task of its own."""
    arguments = {"poll_interval": LONG_INTERVAL, "max_poll_failures": 5, "say": LogRecorder(), **changes}
    task = asyncio.create_task(poll_until_done(lambda: wait, damstra_conn_id=conn_id, **arguments))
    # Who asks for its result or not: its error is not to turn up in another test.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def request_counts(emulator: DamstraEmulator) -> Counter[str]:
    """Return how often which path was asked for."""
    return Counter(entry["path"] for entry in await _looks(emulator))


async def request_times(emulator: DamstraEmulator) -> list[float]:
    """Return when requests came, in seconds."""
    return [datetime.fromisoformat(entry["time"]).timestamp() for entry in await _looks(emulator)]


async def _looks(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    """Return the requests but those for further pages: who wants all rows also asks for an empty page."""
    journal = await asyncio.to_thread(emulator.journal)
    return [entry for entry in journal if entry["query"].get("startIndex", "0") == "0"]


async def wait_for_requests(emulator: DamstraEmulator, count: int) -> None:
    """Wait until there were so many requests."""
    await _until(lambda: _looks(emulator), lambda looks: len(looks) >= count)


async def wait_for_fault_hits(emulator: DamstraEmulator, count: int = 1) -> None:
    """Wait until faults have struck so many requests: those that are delayed are in flight then."""
    await _until(lambda: _strikes(emulator), lambda strikes: strikes >= count)


async def wait_until_idle(waits: int) -> None:
    """Wait until this loop has no task but those of so many waits: a moment between two looks."""

    async def others() -> int:
        return len(other_tasks())

    await _until(others, lambda count: count <= waits)


async def _until(look: Callable[[], Awaitable[T]], is_enough: Callable[[T], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if is_enough(await look()):
                return
            await asyncio.sleep(PAUSE)


async def cancel(*waits: asyncio.Task[Any]) -> None:
    """Cancel waits, and wait until they are gone."""
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)


def listing_path(user_id: int = LIAM) -> str:
    """Return the path of a user's listing."""
    return user_listing(user_id).request().path


async def _strikes(emulator: DamstraEmulator) -> int:
    """Return how many requests faults have struck, those that are not answered yet included."""
    rules = await asyncio.to_thread(emulator._ask, "GET", "/faults")
    return sum(rule["hits"] for rule in rules)


def pending_timers() -> list[asyncio.TimerHandle]:
    """Return the pending_timers of this loop that are still to go off."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


def other_tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks of this loop but the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}
