"""What was seen of users' schedules: in memory, and in the asset's state store, where Airflow has one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.waits.schedule_changes import Snapshot


class Seen:
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

    def learn(self, user_id: int, now: Snapshot) -> bool:
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
