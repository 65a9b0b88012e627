"""Mobilise a crew once all its members are trained for the site, and report who lacks what until then.

    check training -> wait until the crew is trained -> mobilise it, which another DAG does
                   -> report who lacks what, if the crew is not trained

The training rules say which lessons people need, and for how long a completion counts; it has to count on the
first day on site. Replace the last line of the report by a message to the supervisors. The wait occupies no
worker, and fails the run if the crew is not trained in time, or if a member is inactive.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, chain, task

from airflow_provider_damstra.operators.training_gate import DamstraTrainingGateOperator
from airflow_provider_damstra.sensors.training_gate import DamstraTrainingGateSensor

RULES = """\
- lessons: [Site Induction]
  all: true
  valid_for: 12 months
- lessons: [Working at Heights]
  groups: [Pit Crew A]
"""

with DAG(
    dag_id="example_damstra_site_access",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "crew": Param(["E1016"], type="array", items={"type": "string"}, description="Employee numbers"),
        "first_day": Param(pendulum.today().isoformat(), type="string", format="date-time"),
        "rules": Param(RULES, type="string", format="multiline", description="Training rules"),
    },
) as dag:
    gate: dict[str, Any] = {
        "employee_numbers": "{{ params.crew }}",
        "requirements": "{{ params.rules }}",
        "at": "{{ params.first_day }}",
    }
    check = DamstraTrainingGateOperator(task_id="check_training", on_untrained="skip", **gate)
    trained = DamstraTrainingGateSensor(
        task_id="wait_for_training",
        **gate,
        deferrable=True,
        poke_interval=300,
        timeout=pendulum.duration(days=14),
        trigger_rule="none_failed",
    )
    mobilise = TriggerDagRunOperator(
        task_id="mobilise", trigger_dag_id="example_damstra_mobilisation", conf={"user_ids": trained.output}
    )

    @task(trigger_rule="all_skipped")
    def report(open_requirements: list[str]) -> None:
        """Report who lacks what."""
        print("Not ready for the site:", *open_requirements, sep="\n  ")

    open_requirements: Any = check.output["open_requirements"]
    report(open_requirements)
    chain(check, trained, mobilise)

if __name__ == "__main__":
    dag.test()
