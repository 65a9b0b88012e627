"""The event trigger run as the triggerer runs it: in Airflow's shared stream, or by its own ``run``."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.triggers.event import DamstraEventTrigger
from tests.polling.helpers import LIAM, cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHORT_INTERVAL = 0.05
"""Poll interval and pause of the triggers, in seconds."""

Events = list[tuple[str, int]]
"""Names and lesson schedule ids of events."""

_TRIGGER_IDS = count(1)


class FakeStateStore(dict[str, str]):
    """An asset state store, which stores JSON as Airflow's does.

    :param read_errors: number of reads that fail.
    :param write_errors: number of writes that fail.
    """

    def __init__(self, content: Any = (), *, read_errors: int = 0, write_errors: int = 0) -> None:
        super().__init__(content)
        self._read_errors = read_errors
        self._write_errors = write_errors

    async def aget(self, key: str) -> Any:
        """Return a value, or None."""
        if self._read_errors:
            self._read_errors -= 1
            raise RuntimeError("The API server is away.")
        return json.loads(self[key]) if key in self else None

    async def aset(self, key: str, value: Any) -> None:
        """Store a value."""
        if self._write_errors:
            self._write_errors -= 1
            raise RuntimeError("The API server is away.")
        self[key] = json.dumps(value)


def event_trigger(*, store: Any = None, **changes: Any) -> DamstraEventTrigger:
    """Return a trigger that watches Liam."""
    options = {"user_ids": [LIAM], "poll_interval": SHORT_INTERVAL, "refusal_pause": SHORT_INTERVAL}
    trigger = DamstraEventTrigger(**{**options, **changes})
    trigger.asset_state_store = store
    return trigger


@asynccontextmanager
async def running_trigger(trigger: DamstraEventTrigger) -> AsyncIterator[Events]:
    """Yield the list of events that a trigger yields from ``run``."""
    events: Events = []

    async def run() -> None:
        async for event in trigger.run():
            events.append(_name_and_id(event))

    async with _background(run()):
        yield events


@asynccontextmanager
async def streaming_trigger(
    trigger: DamstraEventTrigger, *, is_confirmed: bool = True
) -> AsyncIterator[Events]:
    """Yield the list of events that a trigger yields from a shared stream, as the triggerer runs it.

    :param is_confirmed: whether Airflow confirms that its database contains the events.
    """
    from airflow.triggers.shared_stream import SharedStreamManager

    events: Events = []
    manager = SharedStreamManager()
    trigger_id, key = next(_TRIGGER_IDS), trigger.shared_stream_key()

    async def run() -> None:
        stream = manager.subscribe(trigger_id=trigger_id, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            sequence = manager.bind_pending_event(trigger_id=trigger_id, key=key)
            events.append(_name_and_id(event))
            assert sequence is not None, "Airflow has nothing to confirm"
            if is_confirmed:
                asyncio.get_running_loop().call_soon(manager.confirm_persisted, [sequence])

    try:
        async with _background(run()):
            yield events
    finally:
        await manager.unsubscribe(trigger_id, key)


@asynccontextmanager
async def _background(run: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(run)
    try:
        yield
        assert not task.done(), task
    finally:
        await cancel(task)


def _name_and_id(event: Any) -> tuple[str, int]:
    return event.payload["name"], event.payload["lesson_schedule_id"]
