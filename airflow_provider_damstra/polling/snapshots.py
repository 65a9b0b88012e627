"""Looking at users' schedules for ever: what the event trigger's events are made of."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.schedule_changes import ScheduleChangesCondition
from airflow_provider_damstra.polling.registry import poll_until_done

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from logging import Logger

    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_damstra.conditions.base import PollResult
    from airflow_provider_damstra.conditions.schedule_changes import Snapshot

FOR_EVER = 1_000_000_000
"""Failed looks in a row that are borne: an event trigger has no task that could fail."""

MOST = 100
"""Users in a batch: it is worked off, and kept by Airflow, before the next is taken."""


class SnapshotQueue:
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
async def watch_snapshots(
    *,
    user_ids: list[int] | None,
    group_id: int | None,
    damstra_conn_id: str,
    poll_interval: float,
    pause: float,
    log: Logger,
) -> AsyncIterator[SnapshotQueue]:
    """Yield where the looks arrive, while a task takes them.

    :param pause: seconds after which the connection is read again when Damstra refused it, or there is none.
    :param log: is told how the watch stands, and what hinders it.
    """
    looks = SnapshotQueue()
    watch = partial(
        poll_until_done,
        lambda: ScheduleChangesCondition(user_ids=user_ids, group_id=group_id, on_snapshot=looks.arrive),
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


async def _look(watch: Callable[[], Awaitable[PollResult]], *, pause: float, log: Logger) -> None:
    """Look for ever. After a refusal pause, and read the connection again: it may have been mended."""
    while True:
        try:
            reason = (await watch()).failure
        except Exception as error:
            # Airflow makes a trigger that ended anew at once, and again and again: this one never ends.
            reason = f"{type(error).__name__}: {error}"
        log.warning("No events until this is mended: %s", reason)
        await asyncio.sleep(pause)


class SnapshotStore:
    """The event trigger's cursor: what each user's schedules were like when their events were handed on.

    :param store: Airflow's asset state store (3.3), or None.
    :param prefix: of the keys, for other triggers may keep theirs in the same store.
    :param pause: seconds until the store is asked again when it cannot be read.
    :param say: is told what hinders it.
    """

    def __init__(self, *, store: Any, prefix: str, pause: float, say: Callable[[str], object]) -> None:
        self._store = store
        self._prefix = prefix
        self._pause = pause
        self._say = say
        self._known: dict[int, Snapshot] = {}
        self._unwritten: dict[int, Snapshot] = {}

    async def before(self, user_id: int) -> Snapshot | None:
        """Return what a user's schedules were like, or None if nobody ever looked.

        While Airflow cannot say, wait: to begin anew would miss events.
        """
        while user_id not in self._known and self._store is not None:
            try:
                stored = await self._store.aget(self._key(user_id))
            except ValueError as error:
                self._say(f"What is seen does not outlive a restart: {error}")
                self._store = None
            except Exception as error:
                self._say(f"What was seen of user {user_id} cannot be read yet: {error}")
                await asyncio.sleep(self._pause)
            else:
                if stored is None:
                    return None
                self._known[user_id] = stored
        return self._known.get(user_id)

    def update(self, user_id: int, now: Snapshot) -> bool:
        """Remember what a user's schedules are like, unwritten, and return whether that is news."""
        is_news = self._known.get(user_id) != now
        self._known[user_id] = now
        return is_news

    async def keep(self, snapshots: dict[int, Snapshot]) -> None:
        """Write what was seen; what cannot be written now is written with the next."""
        if self._store is None:
            return
        self._unwritten |= snapshots
        for user_id, snapshot in list(self._unwritten.items()):
            try:
                await self._store.aset(self._key(user_id), snapshot)
            except Exception as error:
                self._say(f"What was seen of user {user_id} is not kept yet: {error}")
                return
            del self._unwritten[user_id]

    def _key(self, user_id: int) -> str:
        return f"{self._prefix}-{user_id}"


try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # Airflow before 3.3, which asks for none
    SharedStreamProducer = object  # type: ignore[assignment, misc]


async def _nothing() -> None:
    pass


@dataclass
class Batch:
    """Some looks on their way through Airflow.

    :param keep: what is to be done once Airflow has kept all events that were made of them.
    """

    looks: dict[int, Snapshot]
    keep: Callable[[], Awaitable[None]] = _nothing
    is_over: asyncio.Event = field(default_factory=asyncio.Event)


class SnapshotProducer(SharedStreamProducer):
    """Yields one batch after the other, each when Airflow has kept the events of the one before.

    :param watch_snapshots: opens the looks, when the stream begins.
    :param patience: seconds after which an empty batch is yielded, so that what could not be kept is tried
        again.
    """

    def __init__(
        self,
        watch_snapshots: Callable[[], Awaitable[AbstractAsyncContextManager[SnapshotQueue]]],
        *,
        patience: float,
    ) -> None:
        self._looking = watch_snapshots
        self._patience = patience

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Yield batches, each also as what is to be confirmed."""
        async with await self._looking() as looks:
            while True:
                batch = Batch(await looks.take(patience=self._patience))
                yield batch, batch
                await batch.is_over.wait()

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Keep what was seen if its events are kept; if they are not, the next start sees it again."""
        for item in batch:
            if item.outcome.is_clean:
                await item.broker_payload.keep()
            item.broker_payload.is_over.set()
