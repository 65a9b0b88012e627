"""The pollers that there are: one for each event loop and connection, as long as somebody waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_damstra.polling.poller import SharedPoller
from airflow_provider_damstra.polling.webhook_feed import start_feed_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

    from airflow_provider_damstra.conditions.base import Condition, PollResult

_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedPoller]] = WeakKeyDictionary()


def poll_until_done(
    make_condition: Callable[[], Condition], *, damstra_conn_id: str, **arguments: Any
) -> Coroutine[Any, Any, PollResult]:
    """Return, when awaited, the result of a wait, polling together with all others on the same connection.

    Await it at once, in the loop in which it is called. RequestModel and errors are those of
    ``SharedPoller.poll_until_done``.
    """
    pollers = _POLLERS.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(damstra_conn_id)
    if poller is None:
        poller = pollers[damstra_conn_id] = _make_poller(damstra_conn_id, pollers)
    return poller.poll_until_done(make_condition, **arguments)


def _make_poller(damstra_conn_id: str, pollers: dict[str, SharedPoller]) -> SharedPoller:
    """Return a poller that leaves the others when its last wait does, and what follows webhooks with it."""

    def leave() -> None:
        del pollers[damstra_conn_id]
        if follower:
            follower.cancel()

    poller = SharedPoller(damstra_conn_id=damstra_conn_id, on_empty=leave)
    follower = start_feed_consumer(damstra_conn_id, expedite=poller.poll_soon)
    return poller


def poll_soon(
    *, damstra_conn_id: str, lesson_schedule_ids: Collection[int] = (), user_ids: Collection[int] = ()
) -> int:
    """Ask at once what the waits of this loop on a connection want to know of these.

    For who hears of a change before the next poll, as from a webhook. It says no more than that it is worth
    asking: what is true the answer says, so a wrong or a late hint costs a request and nothing else. The
    questions are those for one of the schedules, for the schedules of one of the users (a group's members
    too), and for the schedules of a user among which somebody waits for one of these. They are asked even if
    no wait expected news before some moment in the future; hints that come together, or within a second of
    the last time that the query was asked, make one request. A query that fails keeps its distance to
    the next try. Call it from the loop in which the waits are; it does not block.

    :param damstra_conn_id: id of the Airflow connection that the waits use.
    :param lesson_schedule_ids: schedules that may have changed.
    :param user_ids: users any of whose schedules may have changed.
    :return: how many questions that are; 0 if no wait here is about these.
    """
    poller = _POLLERS.get(asyncio.get_running_loop(), {}).get(damstra_conn_id)
    return poller.poll_soon(lesson_schedule_ids=lesson_schedule_ids, user_ids=user_ids) if poller else 0
