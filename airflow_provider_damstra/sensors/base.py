"""Base class of the sensors; the outcome is the same in every mode."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import PokeReturnValue, XComArg

try:
    from airflow.sdk.configuration import conf
except ImportError:  # Airflow before 3.2
    from airflow.configuration import conf

from airflow_provider_damstra.errors import DamstraError, DamstraTransportError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.id_arguments import ID_ARGUMENTS, texts_to_resolve
from airflow_provider_damstra.retry_policy import fail_fast_on_permanent_errors
from airflow_provider_damstra.sensors.wait_log import NOT_LOOKED_UP, WaitLogMixin
from airflow_provider_damstra.task_state import TaskState
from airflow_provider_damstra.ui import DamstraLink, NamedMapIndexMixin
from airflow_provider_damstra.validation import validate_booleans, validate_integer

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

    from airflow_provider_damstra.conditions.base import Condition, PollResult


class DamstraSensor(NamedMapIndexMixin, WaitLogMixin):
    """Wait until a condition in Damstra Learning is met.

    A subclass names the condition and the attributes that are its arguments. Users and lessons that are given
    by employee number, e-mail address or name are looked up once, by the first poll on a worker.

    **Modes.** The outcome is the same in each of them:

    - ``mode="poke"`` polls on a worker; ``mode="reschedule"`` occupies a worker only during each poll;
    - ``deferrable=True`` polls once on a worker, and then in the triggerer;
    - ``start_from_trigger=True`` polls in the triggerer from the start;
    - ``end_from_trigger=True``, with one of these two, also ends the task there, unless it fails.

    **Errors.** A condition that can no longer be met, invalid arguments, and errors that no retry can fix (a
    wrong key, a missing permission) fail the task immediately, without Airflow's retries. A connection that
    does not exist fails the try. Other errors, such as an unreachable server, or a metadata database or
    secrets backend from which the connection cannot be read, are tolerated ``max_poll_failures`` consecutive
    times; then the try fails. If a poll fails after the connection was changed, it is repeated with the new
    one. ``soft_fail`` skips the task where it would fail without retries, or at its timeout, but not if
    Damstra could not be reached. With ``silent_fail`` the sensor waits on where the try would fail.

    :param deferrable: defer the task and poll in the triggerer. Default: ``[operators] default_deferrable``.
    :param start_from_trigger: start the task in the triggerer. Mapped tasks, tasks in mapped task
        groups, and all tasks before Airflow 3.3 start on a worker.
    :param end_from_trigger: end the task in the triggerer. If a task is mapped over the result, and before
        Airflow 3.3, a worker returns it.
    :param max_poll_failures: consecutive failed polls that are tolerated.
    :param damstra_conn_id: id of the Airflow connection (templated).
    :param kwargs: arguments of ``BaseSensorOperator``, such as ``poke_interval`` and ``timeout`` in seconds,
        ``mode`` and ``soft_fail``.
    :raises ValueError: if an argument has an invalid value.
    """

    condition_name: ClassVar[str]
    condition_arguments: ClassVar[tuple[str, ...]]

    ui_color = "#fde3c0"
    operator_extra_links = (DamstraLink(),)
    _state_suffix = ""

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
        # Only a worker renders the arguments and the name of a task in a mapped task group.
        is_mapped = self.get_closest_mapped_task_group() is not None
        self.start_from_trigger = start_from_trigger and not is_mapped and _starts_in_triggerer()
        self._starts_from_trigger = start_from_trigger
        self.task_state = TaskState()
        self._resolved: dict[str, Any] = {}

    if TYPE_CHECKING:

        @property
        def output(self) -> PlainXComArg:
            """Return the task's output; ``output["key"]`` is the XCom of that key."""

    @cached_property
    def hook(self) -> DamstraHook:
        """Return the hook of the connection."""
        return DamstraHook(damstra_conn_id=self.damstra_conn_id)

    @cached_property
    def condition(self) -> Condition:
        """Return the condition; it keeps the responses of earlier polls."""
        from airflow_provider_damstra.conditions.base import create_condition
        from airflow_provider_damstra.triggers.wait import CONDITIONS

        return create_condition(CONDITIONS[self.condition_name], self._arguments())

    def _arguments(self) -> dict[str, Any]:
        values = {**vars(self), **self._resolved}
        return {name: values[name] for name in self.condition_arguments}

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once."""
        result = self._poll()
        return PokeReturnValue(result.is_done, result.result)

    def execute(self, context: Context) -> Any:
        """Wait, and return the result. A deferrable sensor polls once before it defers."""
        if self.reschedule:
            self.task_state = TaskState(context)  # persists across processes and tries
            self._state_suffix = f"_of_try_{context['ti'].try_number}"
        if not self.deferrable:
            return self._execute_on_worker(context)
        deadline = time.time() + self.timeout
        result = self._poll_until_resolved(deadline)
        if result.is_done:
            return result.result
        from airflow_provider_damstra.conditions.progress import describe_times
        from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger

        arguments = {**self._trigger_arguments(), **self._resolved_arguments()}
        arguments["deadline"] = deadline
        if self.end_from_trigger and next(self.iter_mapped_dependants(), None):
            # Only a worker can set the number of tasks that are mapped over the result.
            arguments["end_from_trigger"] = False
        self.log.info(
            "The wait continues in the triggerer. %s", describe_times(next_poll=None, deadline=deadline)
        )
        self.defer(trigger=DamstraWaitTrigger(**arguments), method_name=self.execute_complete.__name__)

    def _poll_until_resolved(self, deadline: float) -> PollResult:
        """Poll once; and again while texts could not be looked up, because a trigger needs ids."""
        result = self._poll_before_deferring()
        while not result.is_done and self.is_unresolved():
            if time.time() + self.poke_interval > deadline:
                from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException

                timeout = AirflowSensorTimeout(f"The sensor has timed out. {NOT_LOOKED_UP}")
                if self.soft_fail or self.never_fail:
                    raise AirflowSkipException(str(timeout)) from timeout
                raise timeout
            time.sleep(self.poke_interval)
            result = self._poll_before_deferring()
        return result

    def _poll_before_deferring(self) -> PollResult:
        """Poll once, with the arguments ``*_fail``, which Airflow applies only to ``poke``."""
        from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

        from airflow_provider_damstra.conditions.base import PollResult

        try:
            return self._poll()
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.exception("The poll failed; it is repeated in the triggerer.")
                return PollResult()
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _configure_trigger_start(self) -> None:
        """Set the arguments of the trigger to start from; a subclass calls it at the end of ``__init__``.

        :raises ValueError: if there are texts to look up, which only a worker can.
        """
        texts = texts_to_resolve(self) if self._starts_from_trigger else {}
        if texts:
            ids = ", ".join(ID_ARGUMENTS[name][0] for name in texts)
            raise ValueError(
                f"{', '.join(texts)} cannot be looked up in the triggerer: leave out start_from_trigger, or "
                f"give {ids}"
            )
        if not self.start_from_trigger:
            return
        from airflow.triggers.base import StartTriggerArgs

        from airflow_provider_damstra.triggers.deadlines import TIMEOUT_MARGIN

        arguments = {name: _as_template(name, value) for name, value in self._trigger_arguments().items()}
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_damstra.triggers.wait.DamstraWaitTrigger",
            trigger_kwargs=arguments,
            next_method=self.execute_complete.__name__,
            timeout=timedelta(seconds=self.timeout + TIMEOUT_MARGIN),
        )

    def _trigger_arguments(self) -> dict[str, Any]:
        return {
            "condition": self.condition_name,
            "damstra_conn_id": self.damstra_conn_id,
            "poll_interval": self.poke_interval,
            "max_poll_failures": self.max_poll_failures,
            "end_from_trigger": self.end_from_trigger,
            "soft_fail": self.soft_fail or self.never_fail,
            "silent_fail": self.silent_fail,
            **self._arguments(),
        }

    def _resolved_arguments(self) -> dict[str, Any]:
        """Return arguments of the condition that the first poll has resolved, for the trigger."""
        return {}

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the result of the trigger, or raise what ``poke`` would have raised."""
        from airflow.providers.common.compat.sdk import (
            AirflowFailException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )

        from airflow_provider_damstra.services.idempotency import format_ids

        if event["status"] == "success":
            self.log.info("The wait has ended with the result %s.", format_ids(event["result"]))
            return event["result"]
        if self.never_fail:
            raise AirflowSkipException(event["message"])
        # No AirflowException if Damstra could not be reached: soft_fail does not apply to it, as in poke.
        classes = {"timeout": AirflowSensorTimeout, "failed": AirflowFailException, "error": RuntimeError}
        raise classes.get(event["status"], DamstraTransportError)(event["message"])

    def _poll(self) -> PollResult:
        """Poll once; a tolerated failure counts as a condition that is not met yet."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_damstra.conditions.base import PollResult

        key = f"poll_failures{self._state_suffix}"
        failures: int = self._get_state(key, 0)
        try:
            with fail_fast_on_permanent_errors():
                result = self._poll_condition()
        except DamstraError as error:
            failures += 1
            if failures > self.max_poll_failures:
                error.args = (f"{failures} consecutive polls failed: {error}",)
                self._set_state(key, None)
                raise
            self._set_state(key, failures)
            self.log.warning("%s", error)
            return PollResult()
        if failures:
            self._set_state(key, None)
        if result.failure:
            raise AirflowFailException(result.failure)
        self._log_progress(result)
        return result

    def _poll_condition(self) -> PollResult:
        """Poll; if that fails and the connection has changed meanwhile, poll again with the new one."""
        from airflow_provider_damstra.conditions.base import poll

        # First, because each query would read a connection that cannot be read.
        self.hook.get_conn()
        try:
            self._resolve()
            return poll(self.hook, self.condition)
        except DamstraError:
            if not self.hook.reload_connection():
                raise
        self._resolve()
        return poll(self.hook, self.condition)

    def is_unresolved(self) -> bool:
        """Return whether ids have to be looked up before there is a condition."""
        return bool(texts_to_resolve(self)) and not self._resolved

    def _resolve(self) -> None:
        """Look up ids by the texts that are given; a rescheduled task keeps them (from Airflow 3.3)."""
        if not self.is_unresolved():
            return
        from hashlib import sha256

        from airflow_provider_damstra.services.id_resolution import parse_texts, resolve_ids

        texts = parse_texts(texts_to_resolve(self))
        # A task that is cleared after its arguments were changed must not use the ids of the old ones.
        key = f"ids_{sha256(repr(texts).encode()).hexdigest()[:32]}"
        self._resolved = self._get_state(key, None) or resolve_ids(self.hook, texts)
        self._set_state(key, self._resolved)

    def _get_state(self, name: str, default: Any) -> Any:
        """Return a value of the task's state, or the default if Airflow cannot read it now."""
        try:
            return self.task_state.get(name, default)
        except Exception as error:
            self.log.warning("The state of the task cannot be read: %s", type(error).__name__)
            return default

    def _set_state(self, name: str, value: Any) -> None:
        """Store a value of the task's state, or delete it if it is None; log if Airflow cannot do it now."""
        try:
            if value is None:
                self.task_state.delete(name)
            else:
                self.task_state.set(name, value)
        except Exception as error:
            self.log.warning("The state of the task cannot be stored: %s", type(error).__name__)


def _starts_in_triggerer() -> bool:
    """Return whether this Airflow renders the templates of tasks that start in the triggerer."""
    from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple

    return get_base_airflow_version_tuple() >= (3, 3)


def _as_template(name: str, value: Any) -> Any:
    """Return a task's output as a template, because only templates can be rendered in the triggerer.

    :raises ValueError: if the output is transformed, such as by ``.map()``, which no template can express.
    """
    if isinstance(value, (list, tuple)):
        return [_as_template(name, item) for item in value]
    if not isinstance(value, XComArg):
        return value
    template = str(value)
    if not template.startswith("{{"):
        raise ValueError(
            f"{name} is {template}, which cannot be pulled in the triggerer: only a task's plain .output "
            "can. Leave out start_from_trigger."
        )
    return template
