"""One timer for the deadlines of all subscriptions.

``asyncio.timeout`` or a timer for each adds three objects per subscription; with thousands of subscriptions
they cause one more full run of the garbage collector, which takes a tenth of the CPU time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_damstra.polling.subscriptions import Subscription

MIN_INTERVAL = 0.1
"""Seconds between two searches for expired subscriptions."""


class SharedTimeout:
    """Ends subscriptions whose deadline has passed.

    :param loop: event loop of the subscriptions.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._deadlines: dict[Subscription, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, subscription: Subscription) -> None:
        """End a subscription at its deadline, if it has one."""
        if subscription.deadline is None:
            return
        self._deadlines[subscription] = subscription.deadline
        if self._timer is None or subscription.deadline < self._timer.when():
            self._set_timer(subscription.deadline)

    def discard(self, subscription: Subscription) -> None:
        """Remove a subscription; after the last one, cancel the timer."""
        self._deadlines.pop(subscription, None)
        if not self._deadlines and self._timer:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for subscription in [one for one, deadline in self._deadlines.items() if deadline <= now]:
            del self._deadlines[subscription]
            subscription.expire()
        if self._deadlines:
            self._set_timer(max(min(self._deadlines.values()), now + MIN_INTERVAL))
