"""Mobilise a crew, once example_damstra_site_access has found that all its members are trained.

    book flights and rooms

It stands for the DAG that a company has for this.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param, task

with DAG(
    dag_id="example_damstra_mobilisation",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={"user_ids": Param([1016], type="array", items={"type": "integer"}, description="The crew")},
) as dag:

    @task
    def book(params: dict[str, list[int]] | None = None) -> list[int]:
        """Book flights and rooms for the crew."""
        user_ids = (params or {})["user_ids"]
        print("Booked for users", *user_ids)
        return user_ids

    book()

if __name__ == "__main__":
    dag.test()
