"""DAGs of the system tests: sensors that start in the triggerer, end there, or both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_damstra.operators.group import DamstraCreateGroupOperator
from airflow_provider_damstra.operators.lesson import (
    DamstraDownloadCertificateOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

DEFAULTS: dict[str, Any] = {"damstra_conn_id": "damstra_large", "poke_interval": 1}
IN_TRIGGERER: dict[str, Any] = {"start_from_trigger": True, "end_from_trigger": True}
MODES: dict[str, dict[str, Any]] = {
    "resume": {"deferrable": True},
    # A busy scheduler fails a task that is queued again before it has processed the end of the last poll.
    "reschedule": {"mode": "reschedule", "poke_interval": 15},
    "poke": {"mode": "poke"},
}

with DAG(
    dag_id="wait_for_many",
    schedule=None,
    default_args=DEFAULTS,
    params={"user_ids": [], "lesson_version_ids": [], "group": ""},
):
    scheduled = DamstraScheduleLessonsOperator(
        task_id="schedule",
        user_ids="{{ params.user_ids }}",
        lesson_version_ids="{{ params.lesson_version_ids }}",
    )
    sensor = DamstraLessonScheduleSensor(
        task_id="wait", lesson_schedule_ids=scheduled.output, poke_interval=4, **IN_TRIGGERER
    )
    sensor >> DamstraCreateGroupOperator(
        task_id="record",
        name="{{ params.group }}",
        description="{{ ti.xcom_pull(task_ids='wait') | length }} lessons done",
    )

with DAG(
    dag_id="wait_for_one",
    schedule=None,
    default_args=DEFAULTS | IN_TRIGGERER | {"retries": 1, "retry_delay": timedelta(seconds=1)},
    params={"cancelled": 0, "skipped": 0, "unreachable": 0, "late": 0},
):
    DamstraLessonScheduleSensor(task_id="cancelled", lesson_schedule_ids="{{ params.cancelled }}")
    DamstraLessonScheduleSensor(task_id="skipped", lesson_schedule_ids="{{ params.skipped }}", soft_fail=True)
    DamstraLessonScheduleSensor(
        task_id="unreachable", lesson_schedule_ids="{{ params.unreachable }}", max_poll_failures=1
    )
    DamstraLessonScheduleSensor(task_id="late", lesson_schedule_ids="{{ params.late }}", timeout=15)

with DAG(
    dag_id="wait_for_each",
    schedule=None,
    default_args=DEFAULTS,
    render_template_as_native_obj=True,
    params={"lesson_version_ids": [], "certificates": ""},
):
    # Two users of the large emulator: the values of expand() cannot be templates.
    scheduled_each = DamstraScheduleLessonsOperator.partial(
        task_id="schedule", lesson_version_ids="{{ params.lesson_version_ids }}"
    ).expand(user_ids=[1132, 1133])
    DamstraLessonScheduleSensor.partial(task_id="defer", deferrable=True, end_from_trigger=True).expand(
        lesson_schedule_ids=scheduled_each.output
    )
    DamstraLessonScheduleSensor.partial(task_id="start", **IN_TRIGGERER).expand(
        lesson_schedule_ids=scheduled_each.output
    )
    for task_id, mode in MODES.items():
        DamstraLessonScheduleSensor.partial(task_id=task_id, **mode).expand(
            lesson_schedule_ids=scheduled_each.output
        )
    DamstraLessonScheduleSensor(task_id="together", lesson_schedule_ids=scheduled_each.output, **IN_TRIGGERER)
    done = DamstraLessonScheduleSensor(
        task_id="mapped_over", lesson_schedule_ids=scheduled_each.output, **IN_TRIGGERER
    )
    DamstraDownloadCertificateOperator.partial(
        task_id="certificate", path="{{ params.certificates }}/"
    ).expand(lesson_schedule_id=done.output)
