"""The trigger behind every deferrable sensor."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import (
    BaseTrigger,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.triggers.polling import poll_until_over
from airflow_provider_damstra.waits.ilt_session import IltSessionWait
from airflow_provider_damstra.waits.lesson_schedule import LessonScheduleWait
from airflow_provider_damstra.waits.user import UserWait
from airflow_provider_damstra.waits.user_lessons import GroupLessonWait, UserLessonsWait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_damstra.waits.base import Wait

WAITS: dict[str, type[Wait]] = {
    kind.__name__: kind
    for kind in (GroupLessonWait, IltSessionWait, LessonScheduleWait, UserLessonsWait, UserWait)
}
"""What can be waited for, by the name that a trigger stores."""


class DamstraWaitTrigger(BaseTrigger):
    """Fires when a wait is over, can no longer come true, or its time is up. It only reads.

    :param wait: name of the wait, such as ``LessonScheduleWait``.
    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks.
    :param max_poll_failures: looks that may fail in a row.
    :param deadline: when to give up, in seconds since the epoch: an ``execution_timeout`` does not reach a
        deferred task. None leaves it to Airflow's timeout of the trigger.
    :param end_from_trigger: end the task here, without a worker.
    :param soft_fail: with ``end_from_trigger``: skip the task instead of failing it.
    :param arguments: the wait's own.
    """

    def __init__(
        self,
        *,
        wait: str,
        damstra_conn_id: str,
        poll_interval: float,
        max_poll_failures: int = 10,
        deadline: float | None = None,
        end_from_trigger: bool = False,
        soft_fail: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wait = wait
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.max_poll_failures = max_poll_failures
        self.deadline = deadline
        self.end_from_trigger = end_from_trigger
        self.soft_fail = soft_fail
        # As attributes, for that is where Airflow renders templates when a task starts in the triggerer.
        self._names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to build this trigger again."""
        own = ("wait", "damstra_conn_id", "poll_interval", "max_poll_failures", "deadline")
        names = (*own, "end_from_trigger", "soft_fail", *self._names)
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, when the wait is over, has failed, or its time is up."""
        remaining = None if self.deadline is None else self.deadline - time.time()
        try:
            async with asyncio.timeout(remaining):
                event = await self._until_over()
        except TimeoutError:
            event = {"status": "timeout", "message": "Its time is up."}
        yield self._ending(event) if self.end_from_trigger else TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _until_over(self) -> dict[str, Any]:
        try:
            verdict = await poll_until_over(
                self._make_wait,
                damstra_conn_id=self.damstra_conn_id,
                poll_interval=self.poll_interval,
                max_poll_failures=self.max_poll_failures,
                say=self.log.info,
            )
        except DamstraError as error:
            return {
                "status": "unreachable",
                "message": f"{self.max_poll_failures + 1} looks in a row failed: {error}",
            }
        if verdict.failure:
            return {"status": "failed", "message": verdict.failure}
        return {"status": "success", "result": verdict.result}

    def _make_wait(self) -> Wait:
        return WAITS[self.wait](**{name: getattr(self, name) for name in self._names})

    def _ending(self, event: dict[str, Any]) -> TriggerEvent:
        """Return the event that ends the task here; what a retry may mend goes to the worker instead."""
        if event["status"] == "success":
            return TaskSuccessEvent(xcoms={"return_value": event["result"]})
        self.log.error("%s", event["message"])
        if event["status"] == "unreachable":
            return TriggerEvent(event)  # type: ignore[no-untyped-call]
        return TaskSkippedEvent() if self.soft_fail else TaskFailedEvent()
