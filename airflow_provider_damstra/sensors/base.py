"""What every sensor has in common: one decision, in every mode."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.configuration import conf

from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.waits.base import Verdict, Wait


class DamstraSensor(BaseSensorOperator):
    """Waits for something in Damstra Learning: on a worker (``poke``, ``reschedule``) or in the triggerer.

    A subclass names the wait and its arguments. A wait that can never come true, and what no further look can
    mend (a wrong key, a missing permission), end it at once; a look that fails for another reason is
    repeated.

    :param deferrable: wait in the triggerer, where it takes no worker.
    :param end_from_trigger: with ``deferrable``: end there too, without going back to a worker.
    :param max_poll_failures: looks that may fail in a row.
    :param damstra_conn_id: id of the Airflow connection (templated).
    """

    wait_name: ClassVar[str]
    wait_arguments: ClassVar[tuple[str, ...]]

    ui_color = "#fde3c0"

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        end_from_trigger: bool = False,
        max_poll_failures: int = 10,
        damstra_conn_id: str = DamstraHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.end_from_trigger = end_from_trigger
        self.max_poll_failures = max_poll_failures
        self.damstra_conn_id = damstra_conn_id
        self._failures = 0

    @cached_property
    def hook(self) -> DamstraHook:
        """Return the hook."""
        return DamstraHook(damstra_conn_id=self.damstra_conn_id)

    @cached_property
    def wait(self) -> Wait:
        """Return what is waited for, with what looks have found out so far."""
        from airflow_provider_damstra.triggers.wait import WAITS

        return WAITS[self.wait_name](**self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.wait_arguments}

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        verdict = self._look()
        if verdict is None or not verdict.is_over:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=verdict.result)

    def execute(self, context: Context) -> Any:
        """Wait, and return the result; a deferrable sensor looks once before it leaves for the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        first = self._look()
        if first and first.is_over:
            return first.result
        from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger

        self.defer(
            trigger=DamstraWaitTrigger(
                wait=self.wait_name,
                damstra_conn_id=self.damstra_conn_id,
                poll_interval=self.poke_interval,
                max_poll_failures=self.max_poll_failures,
                deadline=time.time() + self.timeout,
                end_from_trigger=self.end_from_trigger,
                soft_fail=self.soft_fail,
                **self.trigger_arguments(),
            ),
            method_name="execute_complete",
        )

    def trigger_arguments(self) -> dict[str, Any]:
        """Return the wait's arguments for the trigger, fit for JSON; a subclass adds what looks found out."""
        return self._arguments()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the result that the trigger found, or fail as a poke would have."""
        from airflow.providers.common.compat.sdk import (
            AirflowException,
            AirflowFailException,
            AirflowSensorTimeout,
        )

        if event["status"] == "success":
            return event["result"]
        kinds = {"timeout": AirflowSensorTimeout, "failed": AirflowFailException}
        raise kinds.get(event["status"], AirflowException)(event["message"])

    def _look(self) -> Verdict | None:
        """Return how things stand, or None if that could not be found out this time."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_damstra.errors import DamstraError
        from airflow_provider_damstra.operators.base import failing_at_once_where_retrying_is_useless
        from airflow_provider_damstra.waits.base import look

        try:
            with failing_at_once_where_retrying_is_useless():
                verdict = look(self.hook, self.wait)
        except DamstraError as error:
            self._failures += 1
            if self._failures > self.max_poll_failures:
                raise
            self.log.warning("%s", error)
            return None
        self._failures = 0
        if verdict.failure:
            raise AirflowFailException(verdict.failure)
        self.log.info("%s", verdict.progress)
        return verdict
