"""What every sensor has in common: one decision, in every mode."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseSensorOperator, PokeReturnValue, XComArg

try:
    from airflow.sdk.configuration import conf
except ImportError:  # Airflow before 3.2
    from airflow.configuration import conf

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.links import DamstraLink
from airflow_provider_damstra.map_index import set_map_index_template
from airflow_provider_damstra.task_state import TaskState
from airflow_provider_damstra.validation import validate_booleans, validate_integer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.conditions.base import Condition, PollResult

_POLL_FAILURES = "poll_failures"


class DamstraSensor(BaseSensorOperator):
    """Waits for something in Damstra Learning: on a worker (``poke``, ``reschedule``) or in the triggerer.

    A subclass names the wait and its arguments. A wait that can never come true, and what no further look can
    mend (a wrong key, a missing permission), end it at once; a look that fails for another reason is
    repeated.

    :param deferrable: wait in the triggerer, where it takes no worker.
    :param start_from_trigger: start there too, without a worker for the first look. A mapped task starts on a
        worker all the same, and before Airflow 3.3 every task does.
    :param end_from_trigger: with one of these: end there too, without a worker, unless it fails. Before
        Airflow 3.3 a worker returns the result.
    :param max_poll_failures: looks that may fail in a row.
    :param damstra_conn_id: id of the Airflow connection (templated).
    """

    condition_name: ClassVar[str]
    condition_arguments: ClassVar[tuple[str, ...]]

    ui_color = "#fde3c0"
    operator_extra_links = (DamstraLink(),)
    _task_state: TaskState | None = None

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        max_poll_failures: int = 10,
        damstra_conn_id: str = DamstraHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_booleans(
            deferrable=deferrable, start_from_trigger=start_from_trigger, end_from_trigger=end_from_trigger
        )
        validate_integer("max_poll_failures", max_poll_failures, at_least=0)
        self.deferrable = deferrable or start_from_trigger
        self.end_from_trigger = end_from_trigger
        self.max_poll_failures = max_poll_failures
        self.damstra_conn_id = damstra_conn_id
        self.start_from_trigger = start_from_trigger and _starts_in_triggerer()

    @cached_property
    def hook(self) -> DamstraHook:
        """Return the hook."""
        return DamstraHook(damstra_conn_id=self.damstra_conn_id)

    @cached_property
    def condition(self) -> Condition:
        """Return what is waited for, with what looks have found out so far."""
        from airflow_provider_damstra.conditions.base import create_condition
        from airflow_provider_damstra.triggers.wait import CONDITIONS

        return create_condition(CONDITIONS[self.condition_name], self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.condition_arguments}

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        result = self._look(context)
        if result is None or not result.is_done:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=result.result)

    def execute(self, context: Context) -> Any:
        """Wait, and return the result; a deferrable sensor looks once before it leaves for the triggerer."""
        set_map_index_template(self, context)
        if not self.deferrable:
            return super().execute(context)
        first = self._first_look(context)
        if first and first.is_done:
            return first.result
        from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger

        arguments = {**self._trigger_arguments(), **self.found_out(), "deadline": time.time() + self.timeout}
        if self.end_from_trigger and next(self.iter_mapped_dependants(), None):
            # How many tasks the result is to be mapped to can only be said by a worker.
            arguments["end_from_trigger"] = False
        self.defer(trigger=DamstraWaitTrigger(**arguments), method_name=self.execute_complete.__name__)

    def _first_look(self, context: Context) -> PollResult | None:
        """Look once; what fails softly in a poke does so here."""
        from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

        from airflow_provider_damstra.errors import DamstraError

        try:
            return self._look(context)
        except (AirflowFailException, DamstraError) as error:
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowFailException)):
                raise AirflowSkipException(str(error)) from error
            raise

    def _configure_trigger_start(self) -> None:
        """Have Airflow start in the triggerer, if asked to: the last thing that a subclass's init does."""
        if not self.start_from_trigger:
            return
        from airflow.triggers.base import StartTriggerArgs

        arguments = {name: _as_template(name, value) for name, value in self._trigger_arguments().items()}
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_damstra.triggers.wait.DamstraWaitTrigger",
            trigger_kwargs=arguments,
            next_method=self.execute_complete.__name__,
            timeout=timedelta(seconds=self.timeout),
        )

    def _trigger_arguments(self) -> dict[str, Any]:
        return {
            "condition": self.condition_name,
            "damstra_conn_id": self.damstra_conn_id,
            "poll_interval": self.poke_interval,
            "max_poll_failures": self.max_poll_failures,
            "end_from_trigger": self.end_from_trigger,
            "soft_fail": self.soft_fail or self.never_fail,
            **self._arguments(),
        }

    def found_out(self) -> dict[str, Any]:
        """Return arguments of the wait that the first look made better: what a subclass may add."""
        return {}

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the result that the trigger found, or fail as a poke would have."""
        from airflow.providers.common.compat.sdk import (
            AirflowFailException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )

        from airflow_provider_damstra.errors import DamstraTransportError

        if event["status"] == "success":
            return event["result"]
        if self.never_fail:
            raise AirflowSkipException(event["message"])
        # What could not be found out is no AirflowException: soft_fail does not hide it, as in a poke.
        kinds = {"timeout": AirflowSensorTimeout, "failed": AirflowFailException}
        raise kinds.get(event["status"], DamstraTransportError)(event["message"])

    def _look(self, context: Context) -> PollResult | None:
        """Return how things stand, or None if that could not be found out this time."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_damstra.errors import DamstraError
        from airflow_provider_damstra.retry_policy import fail_fast_on_permanent_errors

        state = self.task_state(context)
        failures: int = state.get(_POLL_FAILURES, 0)
        try:
            with fail_fast_on_permanent_errors():
                result = self._ask()
        except DamstraError as error:
            failures += 1
            if failures > self.max_poll_failures:
                error.args = (f"{failures} looks in a row failed: {error}",)
                state.delete(_POLL_FAILURES)
                raise
            state.set(_POLL_FAILURES, failures)
            self.log.warning("%s", error)
            return None
        if failures:
            state.delete(_POLL_FAILURES)
        if result.failure:
            raise AirflowFailException(result.failure)
        self.log.info("%s", result.progress)
        return result

    def task_state(self, context: Context) -> TaskState:
        """Return the state of this wait, which outlives the process where a sensor is rescheduled."""
        if self._task_state is None:
            self._task_state = TaskState(context if self.reschedule else None)
        return self._task_state

    def _ask(self) -> PollResult:
        """Return how things stand; if that fails, and the connection has changed meanwhile, ask there."""
        from airflow_provider_damstra.conditions.base import poll
        from airflow_provider_damstra.errors import DamstraError

        try:
            return poll(self.hook, self.condition)
        except DamstraError:
            if not self.hook.reload_connection():
                raise
        return poll(self.hook, self.condition)


def _starts_in_triggerer() -> bool:
    """Return whether Airflow starts tasks in the triggerer and renders their templates there."""
    from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple

    return get_base_airflow_version_tuple() >= (3, 3)


def _as_template(name: str, value: Any) -> Any:
    """Return another task's output as the template that pulls it: that is what a trigger can render.

    :raises ValueError: if the output is to be changed on the way, which no template says.
    """
    if isinstance(value, (list, tuple)):
        return [_as_template(name, one) for one in value]
    if not isinstance(value, XComArg):
        return value
    template = str(value)
    if not template.startswith("{{"):
        raise ValueError(
            f"{name} is {template}, which cannot be pulled in the triggerer: only a task's plain .output "
            "can. Leave out start_from_trigger."
        )
    return template
