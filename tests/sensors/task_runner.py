"""Runs a sensor as Airflow does in each mode, with all processes and the trigger, and returns the outcome."""

from __future__ import annotations

import contextvars
import json
import threading
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred, XCom
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.bases.operator import ExecutorSafeguard, TriggerFailureReason
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent

from tests.airflow_compat import AirflowRescheduleException, DagSerialization
from tests.operators.task_runner import StateStore
from tests.sensors.outcome import FinalState, Outcome, failed, outcome_of, outcome_with, up_for_retry
from tests.sensors.trigger_runner import FirstEvent, first_event, rebuild, serialized_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_damstra.sensors.base import DamstraSensor

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
    "deferrable, end_from_trigger": {"deferrable": True, "end_from_trigger": True},
    "start_from_trigger": {"start_from_trigger": True},
    "start_from_trigger, end_from_trigger": {"start_from_trigger": True, "end_from_trigger": True},
}
# A short interval for fast tests; retries, as most tasks have them.
DEFAULTS: dict[str, Any] = {"task_id": "wait", "poke_interval": 0.01, "timeout": 20, "retries": 2}
TI_KEY: dict[str, Any] = {"dag_id": "training", "task_id": "wait", "run_id": "today", "map_index": -1}


class MappedOutput(list[Any]):
    """The results of the instances of a mapped task."""


class UpstreamOutput:
    """A placeholder in arguments for the output of the task before the sensor."""


@dataclass
class FakeTaskInstance:
    """The attributes of a task instance that sensors use.

    :param task: the sensor, from which Airflow 3.4 sees whether it is in a loop.
    :param output: result of the task before the sensor.
    """

    task: Any
    output: Any
    first_rescheduled: datetime | None
    try_number: int
    dag_id: str = "training"
    run_id: str = "today"
    _upstream_map_indexes: ClassVar[dict[str, None]] = {"upstream": None}

    def get_first_reschedule_date(self, context: Context) -> datetime | None:
        """Return when the task was rescheduled for the first time."""
        return self.first_rescheduled

    def get_ti_count(self, **_: Any) -> int:
        """Return how many instances the task before the sensor has."""
        return len(self.output) if isinstance(self.output, MappedOutput) else 1

    def xcom_pull(
        self, task_ids: str, dag_id: str | None = None, *, map_indexes: Any = "all", **_: Any
    ) -> Any:
        """Return the output of the task before the sensor, as Airflow does on a worker."""
        assert task_ids == "upstream"
        if not isinstance(self.output, MappedOutput):
            return self.output
        return None if map_indexes is None else list(self.output)


@dataclass
class SensorTask:
    """A task instance of a sensor: a new operator in each process, and the state that outlives them.

    :param variables: the context of templates.
    :param output: result of the task before it.
    :param is_mapped_over: whether a task after it is mapped over its result.
    :param renders_natively: ``render_template_as_native_obj``.
    :ivar tries: number of tries.
    :ivar workers: number of processes on workers.
    """

    sensor: type[DamstraSensor]
    arguments: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    store: StateStore | None = field(default_factory=StateStore)
    first_rescheduled: datetime | None = None
    pushed: Any = None
    is_mapped_over: bool = False
    tries: int = 0
    workers: int = 0
    renders_natively: bool = False

    async def _push_result(self, *, key: str, value: Any, **key_fields: Any) -> None:
        """Store what the trigger pushes as the task's result."""
        assert (key, key_fields) == ("return_value", TI_KEY)
        self.pushed = json.loads(json.dumps(value))

    def run_try(self) -> Outcome:
        """Run one try to its end."""
        self.first_rescheduled = None
        self.tries += 1
        operator = self.parsed()
        try:
            if operator.start_from_trigger:
                return self._start_in_triggerer()
            return self._run_in_process(lambda fresh, context: fresh.execute(context))
        except Exception as error:
            return outcome_of(error)

    def parsed(self) -> DamstraSensor:
        """Return the sensor as its DAG file creates it, after another task."""
        with DAG("training", schedule=None):
            upstream = BaseOperator(task_id="upstream")
            sensor = self.sensor(
                **{**DEFAULTS, "deferrable": False, **_insert_output(self.arguments, upstream)}
            )
            if self.is_mapped_over:
                BaseOperator.partial(task_id="downstream").expand(doc=sensor.output)
        return sensor

    def serialized(self) -> Any:
        """Return the sensor as the scheduler and the triggerer deserialize it."""
        serialized = json.dumps(DagSerialization.to_dict(self.parsed().dag))
        return DagSerialization.from_dict(json.loads(serialized)).get_task("wait")

    def _context(self, task: Any) -> Context:
        instance = FakeTaskInstance(task, self.output, self.first_rescheduled, self.tries)
        context = {"ti": instance, "task_instance": instance, "task_state_store": self.store}
        return cast("Context", {**context, **self.variables})

    def _run_in_process(self, work: Callable[[DamstraSensor, Context], Any]) -> Outcome:
        """Run a process of a worker, and continue after it if it reschedules or defers."""
        self.workers += 1
        operator = self.parsed()
        context = self._context(operator)
        operator.render_template_as_native_obj = self.renders_natively or None
        operator.render_template_fields(context)
        process = contextvars.copy_context()
        process.run(ExecutorSafeguard.tracker.set, operator)
        try:
            result = process.run(work, operator, context)
        except AirflowRescheduleException as error:
            self.first_rescheduled = self.first_rescheduled or datetime.now(UTC)
            _wait_until(error.reschedule_date)
            return self._run_in_process(work)
        except TaskDeferred as deferred:
            trigger = rebuild(*deferred.trigger.serialize())
            trigger.task_instance = cast("Any", SimpleNamespace(**TI_KEY))
            return self._run_trigger(trigger, deferred.method_name, deferred.timeout)
        return Outcome(FinalState.SUCCESS, json.loads(json.dumps(result)))

    def _start_in_triggerer(self) -> Outcome:
        """Start as the scheduler does, from the serialized DAG."""
        task = self.serialized()
        start = task.start_trigger_args
        trigger = rebuild(start.trigger_cls, start.trigger_kwargs)
        trigger.task_instance = cast("Any", SimpleNamespace(task=task, **TI_KEY))
        vars(trigger)["timeout_after"] = datetime.now(UTC) + start.timeout
        return self._run_trigger(trigger, start.next_method, start.timeout, self._context(task))

    def _run_trigger(
        self, trigger: BaseTrigger, method: str, timeout: Any, context: Context | None = None
    ) -> Outcome:
        seconds = timeout.total_seconds() if timeout else None
        try:
            with pytest.MonkeyPatch.context() as patch:
                if hasattr(XCom, "aset"):  # Airflow 3.3
                    patch.setattr(XCom, "aset", self._push_result)
                first = first_event(trigger, seconds=seconds, context=context)
        except TimeoutError:
            return self._resume("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT})
        except Exception as error:
            trace = traceback.format_exception(error)
            return self._resume(
                "__fail__", {"error": TriggerFailureReason.TRIGGER_FAILURE, "traceback": trace}
            )
        return self._outcome_in_triggerer(first) or self._resume(
            method, {"event": serialized_payload(first.event)}
        )

    def _resume(self, method: str, kwargs: dict[str, Any]) -> Outcome:
        return self._run_in_process(lambda fresh, context: fresh.resume_execution(method, kwargs, context))

    def _outcome_in_triggerer(self, first: FirstEvent) -> Outcome | None:
        """Return the outcome of a task that ended in the triggerer, or None if it continues on a worker."""
        message = first.errors[-1] if first.errors else ""
        if isinstance(first.event, TaskSuccessEvent):
            return Outcome(FinalState.SUCCESS, self.pushed)
        if isinstance(first.event, TaskSkippedEvent):
            reason = message.removeprefix("The wait has ended without success: ")
            return outcome_with(FinalState.SKIPPED, reason)
        if isinstance(first.event, TaskFailedEvent):
            # Airflow retries a task that failed in the triggerer.
            return up_for_retry(message) if self.parsed().retries else failed(message)
        return None


def _insert_output(value: Any, upstream: BaseOperator) -> Any:
    """Return arguments with a task's output in place of the placeholders."""
    if isinstance(value, dict):
        return {name: _insert_output(one, upstream) for name, one in value.items()}
    if isinstance(value, list):
        return [_insert_output(one, upstream) for one in value]
    return upstream.output if value is UpstreamOutput else value


def _wait_until(timestamp: datetime) -> None:
    threading.Event().wait(max((timestamp - datetime.now(UTC)).total_seconds(), 0.0))


def run(sensor: type[DamstraSensor], mode: str, arguments: Mapping[str, Any], **changes: Any) -> Outcome:
    """Run one try of a sensor in a mode."""
    return SensorTask(sensor, {**arguments, **MODES[mode], **changes}).run_try()
