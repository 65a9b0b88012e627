"""When waits give up: one timer for all of them, for one each would be half a kilobyte a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_damstra.polling.subscriptions import Subscription

PAUSE = 0.1
"""Seconds between two looks at all waits."""


class Deadlines:
    """Ends waits whose time is up.

    :param loop: the loop in which they are.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[Subscription] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, subscription: Subscription) -> None:
        """End a wait at its deadline."""
        if subscription.deadline is None:
            return
        self._waiting.add(subscription)
        if self._timer is None or subscription.deadline < self._timer.when():
            self._set(subscription.deadline)

    def discard(self, subscription: Subscription) -> None:
        """Leave a wait alone: it is over."""
        self._waiting.discard(subscription)
        if not self._waiting and self._timer:
            self._timer.cancel()
            self._timer = None

    def _set(self, moment: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._end_those_that_are_late)

    def _end_those_that_are_late(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = {one for one in self._waiting if one.deadline is not None and one.deadline <= now}
        for subscription in late:
            subscription.end(error=TimeoutError())
        self._waiting -= late
        if self._waiting:
            earliest = min(one.deadline for one in self._waiting if one.deadline is not None)
            self._set(max(earliest, now + PAUSE))
