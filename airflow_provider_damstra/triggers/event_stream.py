"""Looks that Airflow confirms: what was seen is kept once the events are in Airflow's database (3.3)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # Airflow before 3.3, which asks for none
    SharedStreamProducer = object  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_damstra.triggers.looks import Looks
    from airflow_provider_damstra.waits.schedule_changes import Snapshot


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


class ConfirmedLooks(SharedStreamProducer):
    """Yields one batch after the other, each when Airflow has kept the events of the one before.

    :param looking: opens the looks, when the stream begins.
    :param patience: seconds after which an empty batch is yielded, so that what could not be kept is tried
        again.
    """

    def __init__(
        self, looking: Callable[[], Awaitable[AbstractAsyncContextManager[Looks]]], *, patience: float
    ) -> None:
        self._looking = looking
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
