"""Check before a crew goes to a site that everybody in it is trained, and report who lacks what.

    check training -> mobilise the crew, which another DAG does
                   -> report who lacks what, if the check fails

The training rules say which lessons people need, and for how long a completion counts; the check is about
the first day on site. If it fails, the crew is not mobilised and the run fails. Replace the last line of the
report by a message to the supervisors. Clear the check once the lessons are completed: the run continues from
there.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, chain, task

from airflow_provider_damstra.operators.training_gate import DamstraTrainingGateOperator

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
    check = DamstraTrainingGateOperator(
        task_id="check_training",
        employee_numbers="{{ params.crew }}",
        requirements="{{ params.rules }}",
        at="{{ params.first_day }}",
    )
    mobilise = TriggerDagRunOperator(
        task_id="mobilise", trigger_dag_id="example_damstra_mobilisation", conf={"user_ids": check.output}
    )

    @task(trigger_rule="all_failed")
    def report(open_requirements: list[str]) -> None:
        """Report who lacks what."""
        print("Not ready for the site:", *open_requirements, sep="\n  ")

    open_requirements: Any = check.output["open_requirements"]
    chain(check, [mobilise, report(open_requirements)])

if __name__ == "__main__":
    dag.test()
