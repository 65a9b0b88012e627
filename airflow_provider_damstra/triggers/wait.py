"""The trigger behind every deferrable sensor."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.triggers.base import (
    BaseTrigger,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)

from airflow_provider_damstra.conditions.base import create_condition
from airflow_provider_damstra.conditions.group import GroupLessonCondition
from airflow_provider_damstra.conditions.ilt_session import IltSessionCondition
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.user import UserCondition, UserLessonsCondition
from airflow_provider_damstra.errors import DamstraError, is_permanent
from airflow_provider_damstra.polling.registry import poll_until_done
from airflow_provider_damstra.triggers.xcoms import TaskInstanceInTriggerer, push_result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import jinja2
    from airflow.sdk import Context

    from airflow_provider_damstra.conditions.base import Condition, PollResult

CONDITIONS: dict[str, type[Condition]] = {
    kind.__name__: kind
    for kind in (
        GroupLessonCondition,
        IltSessionCondition,
        LessonScheduleCondition,
        UserLessonsCondition,
        UserCondition,
    )
}
"""What can be waited for, by the name that a trigger stores."""


class DamstraWaitTrigger(BaseTrigger):
    """Fires when a wait is over, can no longer come true, or its time is up. It only reads.

    :param condition: name of the condition, such as ``LessonScheduleCondition``.
    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks.
    :param max_poll_failures: looks that may fail in a row.
    :param deadline: when to give up, in seconds since the epoch: an ``execution_timeout`` does not reach a
        deferred task. None leaves it to Airflow's timeout of the trigger.
    :param end_from_trigger: end the task here, without a worker, when it succeeds or is skipped.
    :param soft_fail: with ``end_from_trigger``: skip the task instead of failing it.
    :param arguments: the wait's own.
    """

    def __init__(
        self,
        *,
        condition: str,
        damstra_conn_id: str,
        poll_interval: float,
        max_poll_failures: int = 10,
        deadline: float | None = None,
        end_from_trigger: bool = False,
        soft_fail: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.max_poll_failures = max_poll_failures
        self.deadline = deadline
        self.end_from_trigger = end_from_trigger
        self.soft_fail = soft_fail
        # As attributes, for that is where Airflow renders templates when a task starts in the triggerer.
        self._names = _shared(tuple(arguments))
        self._condition: Condition | None = None
        for name, value in arguments.items():
            setattr(self, name, value)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to build this trigger again."""
        own = ("condition", "damstra_conn_id", "poll_interval", "max_poll_failures", "deadline")
        names = (*own, "end_from_trigger", "soft_fail", *self._names)
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render what is templated; XComs are pulled as the triggerer can."""
        ti: Any = TaskInstanceInTriggerer(context["ti"])
        super().render_template_fields(cast("Context", {**context, "ti": ti, "task_instance": ti}), jinja_env)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, when the wait is over, has failed, or its time is up."""
        remaining = None if self.deadline is None else self.deadline - time.time()
        # All in this frame: what is awaited through a frame more takes half a kilobyte more for each wait.
        try:
            result = await poll_until_done(
                self._create_condition,
                damstra_conn_id=self.damstra_conn_id,
                poll_interval=self.poll_interval,
                max_poll_failures=self.max_poll_failures,
                say=_say,
                seconds=remaining,
            )
            event = _outcome(result)
        except (AirflowNotFoundException, DamstraError, TimeoutError, ValueError) as error:
            event = self._failure(error)
        ending = await self._ending(event) if self.end_from_trigger else None
        yield ending or TriggerEvent(event)  # type: ignore[no-untyped-call]

    def _failure(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, TimeoutError):
            return {"status": "timeout", "message": self._time_is_up()}
        if isinstance(error, AirflowNotFoundException):
            # The connection may be made before the next try.
            return {"status": "unreachable", "message": str(error)}
        if isinstance(error, DamstraError) and not is_permanent(error):
            count = self.max_poll_failures + 1
            return {"status": "unreachable", "message": f"{count} polls in a row failed: {error}"}
        return {"status": "failed", "message": str(error)}

    def _time_is_up(self) -> str:
        progress = self._condition.evaluate().progress if self._condition else ""
        return f"Its time is up: {progress}." if progress else "Its time is up."

    def _create_condition(self) -> Condition:
        self._condition = create_condition(
            CONDITIONS[self.condition], {name: getattr(self, name) for name in self._names}
        )
        return self._condition

    async def _ending(self, event: dict[str, Any]) -> TriggerEvent | None:
        """Return the event that ends the task here, or None if a worker has to.

        A failure goes to a worker: Airflow would retry one that ended here, and this one no retry can mend.
        """
        if event["status"] == "success":
            return TaskSuccessEvent() if await push_result(self.task_instance, event["result"]) else None
        # Without a triggerer, in dag.test(), only a worker can skip.
        is_soft = self.soft_fail and event["status"] in ("failed", "timeout")
        if is_soft and self.task_instance is not None:
            self.log.error("%s", event["message"])
            return TaskSkippedEvent()
        return None


@cache
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same object for equal names: the triggerer keeps thousands of triggers, of few kinds."""
    return names


def _say(text: str) -> None:
    """Log in the current task's log; one logger for all, for each trigger's own would be 12 objects more."""
    DamstraWaitTrigger.logger().info(text)


def _outcome(result: PollResult) -> dict[str, Any]:
    if result.failure:
        return {"status": "failed", "message": result.failure}
    return {"status": "success", "result": result.result}
