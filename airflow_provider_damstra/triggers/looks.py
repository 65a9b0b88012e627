"""Looking at users' schedules for ever: what the event trigger's events are made of."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_damstra.triggers.pollers import poll_until_over
from airflow_provider_damstra.waits.schedule_changes import ScheduleChangesWait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from logging import Logger

    from airflow_provider_damstra.waits.base import Verdict
    from airflow_provider_damstra.waits.schedule_changes import Snapshot

FOR_EVER = 1_000_000_000
"""Failed looks in a row that are borne: an event trigger has no task that could fail."""

MOST = 100
"""Users in a batch: it is worked off, and kept by Airflow, before the next is taken."""


class Looks:
    """Where looks arrive: of each user the newest, until it is taken."""

    def __init__(self) -> None:
        self._newest: dict[int, Snapshot] = {}
        self._arrived = asyncio.Event()

    def arrive(self, user_id: int, now: Snapshot) -> None:
        """Take what a user's schedules look like."""
        self._newest[user_id] = now
        self._arrived.set()

    async def take(self, *, patience: float) -> dict[int, Snapshot]:
        """Return some users' schedules; none if nothing arrives for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._arrived.wait()
        taken = {user: self._newest.pop(user) for user in list(islice(self._newest, MOST))}
        if not self._newest:
            self._arrived.clear()
        return taken


@asynccontextmanager
async def looking(
    *,
    user_ids: list[int] | None,
    group_id: int | None,
    damstra_conn_id: str,
    poll_interval: float,
    pause: float,
    log: Logger,
) -> AsyncIterator[Looks]:
    """Yield where the looks arrive, while a task takes them.

    :param pause: seconds after which the connection is read again when Damstra refused it, or there is none.
    :param log: is told how the watch stands, and what hinders it.
    """
    looks = Looks()
    watch = partial(
        poll_until_over,
        lambda: ScheduleChangesWait(user_ids=user_ids, group_id=group_id, on_look=looks.arrive),
        damstra_conn_id=damstra_conn_id,
        poll_interval=poll_interval,
        max_poll_failures=FOR_EVER,
        say=log.info,
    )
    task = asyncio.create_task(_look(watch, pause=pause, log=log))
    try:
        yield looks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _look(watch: Callable[[], Awaitable[Verdict]], *, pause: float, log: Logger) -> None:
    """Look for ever. After a refusal pause, and read the connection again: it may have been mended."""
    while True:
        try:
            reason = (await watch()).failure
        except Exception as error:
            # Airflow makes a trigger that ended anew at once, and again and again: this one never ends.
            reason = f"{type(error).__name__}: {error}"
        log.warning("No events until this is mended: %s", reason)
        await asyncio.sleep(pause)
