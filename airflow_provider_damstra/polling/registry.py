"""The running pollers: one for each event loop and connection, while it has subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_damstra.polling.poller import SharedPoller
from airflow_provider_damstra.polling.subscriptions import Subscription

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition

_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedPoller]] = WeakKeyDictionary()


def subscribe(
    condition: Condition,
    *,
    damstra_conn_id: str,
    poll_interval: float,
    max_poll_failures: int,
    log: Callable[[str], None],
    timeout: float | None = None,
) -> Subscription:
    """Return a subscription to the shared poller of this event loop and connection; enter it immediately.

    Its result is a ``PollResult``, or one of these errors: a ``DamstraError`` if a query failed too often
    in a row, a ``TimeoutError``, or the condition's own exception.

    :param condition: what to poll for.
    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two polls of a query.
    :param max_poll_failures: consecutive failures of a query that are tolerated.
    :param log: is called with progress and failures, in the current context.
    :param timeout: seconds until the subscription ends with a ``TimeoutError``; None is never.
    """
    loop = asyncio.get_running_loop()
    pollers = _POLLERS.setdefault(loop, {})
    poller = pollers.get(damstra_conn_id)
    if poller is None:
        on_empty = partial(pollers.pop, damstra_conn_id)
        poller = pollers[damstra_conn_id] = SharedPoller(damstra_conn_id=damstra_conn_id, on_empty=on_empty)
    return Subscription(
        poller=poller,
        condition=condition,
        poll_interval=poll_interval,
        max_poll_failures=max_poll_failures,
        log=log,
        deadline=None if timeout is None else loop.time() + timeout,
        context=copy_context(),
        result=loop.create_future(),
    )


def poll_soon(
    *, damstra_conn_id: str, lesson_schedule_ids: Collection[int] = (), user_ids: Collection[int] = ()
) -> int:
    """Poll the queries about some schedules or users ahead of schedule, without blocking.

    For notifications of changes, such as webhooks. Only the API's response decides what is true, so a wrong
    or late notification costs one request and nothing else. The queries are: those for one of the schedules,
    for the schedules of one of the users (members of a group included), and for listings that contain one of
    the schedules. They are polled even if their filters expect no change yet. Notifications within a second
    of a query's last poll cause one request together; a query that fails keeps its back-off.

    Call it in the event loop of the subscriptions.

    :param damstra_conn_id: id of the Airflow connection of the subscriptions.
    :param lesson_schedule_ids: schedules that may have changed.
    :param user_ids: users any of whose schedules may have changed.
    :return: number of queries that are polled soon; 0 if no subscription is about these.
    """
    poller = _POLLERS.get(asyncio.get_running_loop(), {}).get(damstra_conn_id)
    return poller.poll_soon(lesson_schedule_ids=lesson_schedule_ids, user_ids=user_ids) if poller else 0
