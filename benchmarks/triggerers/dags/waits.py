"""The DAG of the deferred tasks, which are inserted into the database."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

with DAG("waits", schedule=None):
    DamstraLessonScheduleSensor.partial(task_id="wait", deferrable=True).expand(lesson_schedule_ids=[[1]])
    EmptyOperator(task_id="lag")
