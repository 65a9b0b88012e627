"""Measure the lag of the triggerers' event loops, with several triggers that spread over the triggerers."""

from __future__ import annotations

from typing import Any, NoReturn

import pendulum
from airflow.sdk import DAG, BaseOperator, Param

from distributed.load.lag_trigger import LagTrigger


class MeasureLag(BaseOperator):
    """Measure until the folder contains the file ``stop``."""

    def execute(self, context: Any) -> NoReturn:
        """Defer to the trigger."""
        self.defer(trigger=LagTrigger(context["params"]["folder"]), method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> None:
        """Succeed."""


with DAG(
    dag_id="loop_lag",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    params={"folder": Param("/tmp/lag", type="string")},  # noqa: S108
):
    for number in range(4):
        MeasureLag(task_id=f"measure_{number}")
