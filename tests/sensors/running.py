"""Runs a sensor through all that Airflow does with a task in its mode, and tells how the task ended."""

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
from tests.operators.running import StateStore
from tests.sensors.outcome import TIME_IS_UP, Ending, Outcome, failed, outcome_of, skipped, tried_again
from tests.sensors.triggerer import Fired, first_event, payload_of, rebuilt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_damstra.sensors.base import DamstraSensor

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
    "deferrable, ended by the trigger": {"deferrable": True, "end_from_trigger": True},
    "started in the triggerer": {"start_from_trigger": True},
    "started and ended there": {"start_from_trigger": True, "end_from_trigger": True},
}
# The interval is so short that a test need not wait for it; the task has retries, as most tasks have.
DEFAULTS: dict[str, Any] = {"task_id": "wait", "poke_interval": 0.01, "timeout": 20, "retries": 2}
PLACE: dict[str, Any] = {"dag_id": "training", "task_id": "wait", "run_id": "today", "map_index": -1}


class Mapped(list[Any]):
    """What the instances of a mapped task have returned."""


class UpstreamOutput:
    """Stands in arguments for the output of the task before the sensor."""


@dataclass
class Instance:
    """What a sensor needs of a task instance.

    :param output: what the task before the sensor has returned.
    """

    output: Any
    first_rescheduled: datetime | None
    dag_id: str = "training"
    run_id: str = "today"
    _upstream_map_indexes: ClassVar[dict[str, None]] = {"upstream": None}

    def get_first_reschedule_date(self, context: Context) -> datetime | None:
        """Return when the task was rescheduled for the first time."""
        return self.first_rescheduled

    def get_ti_count(self, **_: Any) -> int:
        """Return how many instances the task before the sensor has."""
        return len(self.output) if isinstance(self.output, Mapped) else 1

    def xcom_pull(
        self, task_ids: str, dag_id: str | None = None, *, map_indexes: Any = "all", **_: Any
    ) -> Any:
        """Return the output of the task before the sensor, as Airflow does on a worker."""
        assert task_ids == "upstream"
        if not isinstance(self.output, Mapped):
            return self.output
        return None if map_indexes is None else list(self.output)


@dataclass
class Task:
    """One task instance of a sensor: a fresh operator in each process, and what outlives the process.

    :param variables: what templates can name.
    :param output: what the task before it has returned.
    :param is_mapped_over: whether there is a task after it, with an instance for each item of its result.
    :param renders_natively: whether templates become numbers and lists where they look so.
    :ivar workers: how many processes it took on workers.
    """

    sensor: type[DamstraSensor]
    arguments: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    store: StateStore | None = field(default_factory=StateStore)
    first_rescheduled: datetime | None = None
    handed_on: Any = None
    is_mapped_over: bool = False
    workers: int = 0
    renders_natively: bool = False

    async def _take_result(self, *, key: str, value: Any, **place: Any) -> None:
        """Take what a trigger pushes as the task's result."""
        assert (key, place) == ("return_value", PLACE)
        self.handed_on = json.loads(json.dumps(value))

    def attempt(self) -> Outcome:
        """Run one try to its end."""
        self.first_rescheduled = None
        operator = self.parsed()
        try:
            if operator.start_from_trigger:
                return self._started_in_triggerer()
            return self._in_process(lambda fresh, context: fresh.execute(context))
        except Exception as error:
            return outcome_of(error)

    def parsed(self) -> DamstraSensor:
        """Return the sensor as its DAG file makes it, after another task."""
        with DAG("training", schedule=None):
            upstream = BaseOperator(task_id="upstream")
            sensor = self.sensor(**{**DEFAULTS, "deferrable": False, **_filled(self.arguments, upstream)})
            if self.is_mapped_over:
                BaseOperator.partial(task_id="downstream").expand(doc=sensor.output)
        return sensor

    def serialized(self) -> Any:
        """Return the sensor as the scheduler and the triggerer know it."""
        written = json.dumps(DagSerialization.to_dict(self.parsed().dag))
        return DagSerialization.from_dict(json.loads(written)).get_task("wait")

    def _context(self) -> Context:
        instance = Instance(self.output, self.first_rescheduled)
        context = {"ti": instance, "task_instance": instance, "task_state_store": self.store}
        return cast("Context", {**context, **self.variables})

    def _in_process(self, work: Callable[[DamstraSensor, Context], Any]) -> Outcome:
        """Do what a worker's process does; the process ends with a result, an error, or to be continued."""
        self.workers += 1
        operator, context = self.parsed(), self._context()
        operator.render_template_as_native_obj = self.renders_natively or None
        operator.render_template_fields(context)
        process = contextvars.copy_context()
        process.run(ExecutorSafeguard.tracker.set, operator)
        try:
            result = process.run(work, operator, context)
        except AirflowRescheduleException as again:
            self.first_rescheduled = self.first_rescheduled or datetime.now(UTC)
            _until(again.reschedule_date)
            return self._in_process(work)
        except TaskDeferred as deferred:
            trigger = rebuilt(*deferred.trigger.serialize())
            trigger.task_instance = cast("Any", SimpleNamespace(**PLACE))
            return self._from_trigger(trigger, deferred.method_name, deferred.timeout)
        return Outcome(Ending.SUCCESS, json.loads(json.dumps(result)))

    def _started_in_triggerer(self) -> Outcome:
        """Do what the scheduler does with the serialized DAG."""
        task = self.serialized()
        start = task.start_trigger_args
        trigger = rebuilt(start.trigger_cls, start.trigger_kwargs)
        trigger.task_instance = cast("Any", SimpleNamespace(task=task, **PLACE))
        return self._from_trigger(trigger, start.next_method, start.timeout, self._context())

    def _from_trigger(
        self, trigger: BaseTrigger, method: str, timeout: Any, context: Context | None = None
    ) -> Outcome:
        seconds = timeout.total_seconds() if timeout else None
        try:
            with pytest.MonkeyPatch.context() as patch:
                if hasattr(XCom, "aset"):  # Airflow 3.3
                    patch.setattr(XCom, "aset", self._take_result)
                fired = first_event(trigger, seconds=seconds, context=context)
        except TimeoutError:
            return self._resumed("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT})
        except Exception as error:
            trace = traceback.format_exception(error)
            return self._resumed(
                "__fail__", {"error": TriggerFailureReason.TRIGGER_FAILURE, "traceback": trace}
            )
        return self._ended_there(fired) or self._resumed(method, {"event": payload_of(fired.event)})

    def _resumed(self, method: str, kwargs: dict[str, Any]) -> Outcome:
        return self._in_process(lambda fresh, context: fresh.resume_execution(method, kwargs, context))

    def _ended_there(self, fired: Fired) -> Outcome | None:
        """Return how the task ended in the triggerer, or None if it goes on on a worker."""
        said = fired.errors[-1] if fired.errors else ""
        if isinstance(fired.event, TaskSuccessEvent):
            return Outcome(Ending.SUCCESS, self.handed_on)
        if isinstance(fired.event, TaskSkippedEvent):
            return skipped(TIME_IS_UP if said.startswith("Its time is up") else said)
        if isinstance(fired.event, TaskFailedEvent):
            # Airflow tries a task again that failed in the triggerer, if it has retries.
            return tried_again(said) if self.parsed().retries else failed(said)
        return None


def _filled(value: Any, upstream: BaseOperator) -> Any:
    """Return arguments with the output of a task wherever one is to be."""
    if isinstance(value, dict):
        return {name: _filled(one, upstream) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, upstream) for one in value]
    return upstream.output if value is UpstreamOutput else value


def _until(moment: datetime) -> None:
    threading.Event().wait(max((moment - datetime.now(UTC)).total_seconds(), 0.0))


def run(sensor: type[DamstraSensor], mode: str, arguments: Mapping[str, Any], **changes: Any) -> Outcome:
    """Run a new task of a sensor in a mode, once."""
    return Task(sensor, {**arguments, **MODES[mode], **changes}).attempt()
