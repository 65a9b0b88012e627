"""The log of a wait on a worker: who and what is open, the next poll, the deadline, and the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from functools import cached_property

    from airflow.sdk import Context

    from airflow_provider_damstra.conditions.base import Condition, PollResult

NOT_LOOKED_UP = "Users or lessons could not be looked up."


class WaitLogMixin(BaseSensorOperator):
    """Log the progress of a sensor, and name who and what is open in the message of a timeout."""

    if TYPE_CHECKING:

        @cached_property
        def condition(self) -> Condition:
            """Return the condition."""

    _progress = ""

    def _execute_on_worker(self, context: Context) -> Any:
        """Poll until the condition is met, and add the progress to the message of Airflow's timeout."""
        from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException

        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            if error.__cause__ is None:  # otherwise soft_fail or never_fail skips the task after an error
                error.args = (f"{error} {self._describe_progress()}",)
            raise

    def _describe_progress(self) -> str:
        from airflow_provider_damstra.conditions.progress import describe_progress

        # The condition is created when users and lessons have been looked up.
        return (
            describe_progress(self._progress, self.condition) if "condition" in vars(self) else NOT_LOOKED_UP
        )

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Return the seconds to the next poll, and log its time. Airflow calls this before each pause."""
        from airflow_provider_damstra.conditions.progress import describe_times

        interval: float = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        now = time.time()
        deadline = now - run_duration() + self.timeout
        self.log.info("%s", describe_times(next_poll=now + interval, deadline=deadline))
        return interval

    def _log_progress(self, result: PollResult) -> None:
        """Log the progress; who is open only if it has changed, as there may be thousands of polls."""
        is_unchanged = result.progress == self._progress
        self._progress = result.progress
        if result.is_met:
            self.log.info("The wait has ended: %s.", result.progress)
        elif is_unchanged:
            self.log.info("%s.", result.progress)
        else:
            self.log.info("%s", self._describe_progress())
