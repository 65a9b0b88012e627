"""The trigger of every deferrable sensor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import cache
from sys import intern
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from airflow_provider_damstra.conditions.base import create_condition
from airflow_provider_damstra.conditions.ilt_session import IltSessionCondition
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.training_gate import TrainingGateCondition
from airflow_provider_damstra.conditions.user import GroupLessonCondition, UserCondition, UserLessonsCondition
from airflow_provider_damstra.errors import DamstraError, is_permanent
from airflow_provider_damstra.polling.registry import subscribe
from airflow_provider_damstra.polling.snapshots import UNLIMITED_FAILURES
from airflow_provider_damstra.triggers.deadlines import deadline_before
from airflow_provider_damstra.triggers.xcoms import TaskInstanceInTriggerer, push_result

if TYPE_CHECKING:
    from datetime import datetime

    import jinja2
    from airflow.sdk import Context

    from airflow_provider_damstra.conditions.base import Condition, PollResult
    from airflow_provider_damstra.polling.subscriptions import Subscription

CONDITIONS: dict[str, type[Condition]] = {
    kind.__name__: kind
    for kind in (
        GroupLessonCondition,
        IltSessionCondition,
        LessonScheduleCondition,
        TrainingGateCondition,
        UserLessonsCondition,
        UserCondition,
    )
}
"""The conditions by the class name that a trigger stores."""


class DamstraWaitTrigger(BaseTrigger):
    """Wait until a condition is met, and fire one event. It only reads, through the shared poller.

    All triggers of a triggerer with the same connection share one client and one request per query.

    **Event.** The payload has ``status`` and, with ``success``, the ``result`` for XCom, else a ``message``:

    - ``success``: the condition is met;
    - ``failed``: it can never be met, an argument is invalid, or Damstra refused the access key or the call;
    - ``unreachable``: the connection does not exist, or more consecutive polls failed than are tolerated;
    - ``timeout``: the deadline has passed;
    - ``error``: an unexpected exception was raised.

    With ``end_from_trigger`` a ``TaskSuccessEvent`` or ``TaskSkippedEvent`` ends the task instead, without a
    worker. Failures always go to a worker: Airflow would retry a task that failed here, which cannot help.

    **Serialisation.** All arguments are stored, as JSON.

    **Restart of the triggerer.** The trigger polls again from the start. Nothing is lost: the condition is
    about the present state in Damstra, and the deadline is an absolute time.

    :param condition: class name of the condition, such as ``LessonScheduleCondition``.
    :param damstra_conn_id: id of the Airflow connection (templated).
    :param poll_interval: seconds between two polls.
    :param max_poll_failures: consecutive failed polls that are tolerated.
    :param deadline: when to give up, in seconds since the epoch, as an ``execution_timeout`` does not apply
        to deferred tasks. By default shortly before Airflow's timeout of the trigger, if it has one.
    :param end_from_trigger: end the task in the triggerer when it succeeds or is skipped.
    :param soft_fail: with ``end_from_trigger``: skip the task when it fails or times out.
    :param silent_fail: continue to poll until the deadline instead of firing ``unreachable`` or ``error``.
    :param arguments: the arguments of the condition (templated if the task starts in the triggerer).
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
        silent_fail: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.max_poll_failures = max_poll_failures
        self.deadline = deadline
        self.timeout_after: datetime | None = None
        self.end_from_trigger = end_from_trigger
        self.soft_fail = soft_fail
        self.silent_fail = silent_fail
        self._argument_names = _intern_names(tuple(arguments))
        # As attributes, because Airflow renders the templates of a task that starts in the triggerer there.
        for name, value in arguments.items():
            # Thousands of triggers may have equal texts, such as the requirements of a gate.
            setattr(self, name, intern(value) if type(value) is str else value)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all arguments."""
        own = ("condition", "damstra_conn_id", "poll_interval", "max_poll_failures", "deadline")
        names = (*own, "end_from_trigger", "soft_fail", "silent_fail", *self._argument_names)
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render templated arguments, with a task instance whose XComs can be pulled in the triggerer."""
        ti: Any = TaskInstanceInTriggerer(context["ti"])
        super().render_template_fields(cast("Context", {**context, "ti": ti, "task_instance": ti}), jinja_env)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Subscribe to the shared poller, wait for the result, and yield one event."""
        # Awaited in this frame: each further coroutine takes half a kilobyte per trigger.
        while True:
            try:
                async with self._subscribe() as future:
                    result = await future
                payload = _payload_from_result(result)
                end = payload.get("message") or f"{result.progress}."
            except Exception as error:
                payload = self._payload_from_error(error)
                end = payload["message"]
            if not self.silent_fail or payload["status"] not in ("unreachable", "error"):
                break
            _log(payload["message"])
            await asyncio.sleep(min(self.poll_interval, self._seconds_left() or self.poll_interval))
        _log_end(end, is_met=payload["status"] == "success")
        task_event = await self._task_event(payload) if self.end_from_trigger else None
        yield task_event or TriggerEvent(payload)  # type: ignore[no-untyped-call]

    def _subscribe(self) -> Subscription:
        arguments = {name: getattr(self, name) for name in self._argument_names}
        return subscribe(
            create_condition(CONDITIONS[self.condition], arguments),
            damstra_conn_id=self.damstra_conn_id,
            poll_interval=self.poll_interval,
            max_poll_failures=UNLIMITED_FAILURES if self.silent_fail else self.max_poll_failures,
            log=_log,
            timeout=self._seconds_left(),
        )

    def _seconds_left(self) -> float | None:
        """Return the seconds to the deadline, or to that of a task that started in the triggerer."""
        deadline = self.deadline
        if deadline is None and self.timeout_after is not None:
            deadline = deadline_before(self.timeout_after)
        return None if deadline is None else deadline - time.time()

    def _payload_from_error(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, TimeoutError):
            return {"status": "timeout", "message": f"The sensor has timed out. {error}".rstrip()}
        if isinstance(error, AirflowNotFoundException):
            # Not permanent: the connection may be created before the task's next try.
            return {"status": "unreachable", "message": str(error)}
        if isinstance(error, DamstraError) and not is_permanent(error):
            count = self.max_poll_failures + 1
            return {"status": "unreachable", "message": f"{count} consecutive polls failed: {error}"}
        if isinstance(error, (DamstraError, ValueError)):
            return {"status": "failed", "message": str(error)}
        self.log.exception("The trigger failed.")
        return {"status": "error", "message": f"{type(error).__name__}: {error}"}

    async def _task_event(self, payload: dict[str, Any]) -> TriggerEvent | None:
        """Return the event that ends the task in the triggerer, or None if a worker has to end it."""
        if payload["status"] == "success":
            try:
                is_pushed = await push_result(self.task_instance, payload["result"])
            except Exception as error:
                self.log.warning("A worker returns the result: storing it failed (%s)", type(error).__name__)
                is_pushed = False
            return TaskSuccessEvent() if is_pushed else None
        # Without a triggerer, in ``dag.test()``, only a worker can skip the task.
        is_skipped = self.soft_fail and payload["status"] in ("failed", "timeout")
        if is_skipped and self.task_instance is not None:
            return TaskSkippedEvent()
        return None


@cache
def _intern_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return one object for equal names: thousands of triggers have a few kinds of arguments."""
    return names


def _log(text: str) -> None:
    """Log with the logger of the class: one for each trigger would be 12 more objects."""
    DamstraWaitTrigger.logger().info(text)


def _log_end(text: str, *, is_met: bool) -> None:
    logger = DamstraWaitTrigger.logger()
    if is_met:
        logger.info("The wait has ended: %s", text)
    else:
        logger.error("The wait has ended without success: %s", text)


def _payload_from_result(result: PollResult) -> dict[str, Any]:
    if result.failure:
        return {"status": "failed", "message": result.failure}
    return {"status": "success", "result": result.result}
