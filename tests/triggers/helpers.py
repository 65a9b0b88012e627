"""The event trigger run as the triggerer runs it: in Airflow's own shared stream, or in its plain loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.triggers.event import DamstraEventTrigger
from tests.polling.helpers import LIAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOON = 0.05
_NUMBERS = count(1)

Fired = list[tuple[str, int]]
"""Which events, for which schedules."""


class FakeStateStore(dict[str, str]):
    """It keeps JSON, as Airflow's does.

    :param invalid_response: how often it cannot be read.
    :param unwritable: how often it cannot be written.
    """

    def __init__(self, content: Any = (), *, invalid_response: int = 0, unwritable: int = 0) -> None:
        super().__init__(content)
        self._unreadable = invalid_response
        self._unwritable = unwritable

    async def aget(self, key: str) -> Any:
        """Return what is kept, or None."""
        if self._unreadable:
            self._unreadable -= 1
            raise RuntimeError("The API server is away.")
        return json.loads(self[key]) if key in self else None

    async def aset(self, key: str, value: Any) -> None:
        """Keep a value."""
        if self._unwritable:
            self._unwritable -= 1
            raise RuntimeError("The API server is away.")
        self[key] = json.dumps(value)


def event_trigger(*, store: Any = None, **changes: Any) -> DamstraEventTrigger:
    """Return a trigger that watches Liam."""
    trigger = DamstraEventTrigger(
        **{"user_ids": [LIAM], "poll_interval": SOON, "refusal_pause": SOON, **changes}
    )
    trigger.asset_state_store = store
    return trigger


@asynccontextmanager
async def running_trigger(trigger: DamstraEventTrigger) -> AsyncIterator[Fired]:
    """Yield what a trigger has fired by now in its plain loop."""
    fired: Fired = []

    async def run() -> None:
        async for event in trigger.run():
            fired.append(_short(event))

    async with _going_on(run()):
        yield fired


@asynccontextmanager
async def streaming_trigger(trigger: DamstraEventTrigger, *, is_kept: bool = True) -> AsyncIterator[Fired]:
    """Yield what a trigger has fired by now in a shared stream, as Airflow's triggerer drives it.

    :param is_kept: whether Airflow confirms that its database has the events.
    """
    from airflow.triggers.shared_stream import SharedStreamManager

    fired: Fired = []
    manager = SharedStreamManager()
    number, key = next(_NUMBERS), trigger.shared_stream_key()

    async def run() -> None:
        stream = manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            sequence = manager.bind_pending_event(trigger_id=number, key=key)
            fired.append(_short(event))
            assert sequence is not None, "Airflow has nothing to confirm"
            if is_kept:
                asyncio.get_running_loop().call_soon(manager.confirm_persisted, [sequence])

    try:
        async with _going_on(run()):
            yield fired
    finally:
        await manager.unsubscribe(number, key)


@asynccontextmanager
async def _going_on(run: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(run)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


def _short(event: Any) -> tuple[str, int]:
    return event.payload["name"], event.payload["lesson_schedule_id"]
