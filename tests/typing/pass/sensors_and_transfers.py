"""Arguments that sensors, transfers, triggers and assets accept."""

from datetime import timedelta

from airflow.sdk import DAG, Asset

from airflow_provider_damstra.assets import (
    SCHEDULE_COMPLETED,
    TRIGGERING_LESSON_SCHEDULE_IDS,
    damstra_event,
)
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.sql_views import DamstraCreateSqlViewsOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from airflow_provider_damstra.triggers.event import DamstraEventTrigger

schedule = DamstraScheduleLessonsOperator(task_id="schedule", user_ids=[7], lesson_ids=[1])
DamstraLessonScheduleSensor(
    task_id="all",
    lesson_schedule_ids=schedule.output,
    wait_for="any",
    fail_on=["cancelled", "overdue"],
    deferrable=True,
    end_from_trigger=True,
    timeout=timedelta(days=14),
    soft_fail=True,
)
DamstraLessonScheduleSensor(task_id="ids", lesson_schedule_ids=[30001, "30002"], wait_for=0.5)
DamstraLessonScheduleSensor(
    task_id="result", lesson_schedule_ids=[{"user_id": 7, "lesson_schedule_ids": [1, 2]}], mode="reschedule"
)
DamstraLessonScheduleSensor(
    task_id="passed", lesson_schedule_ids=1, require_passed=True, fail_on=["not_passed", "overdue"]
)
DamstraUserLessonsSensor(task_id="valid", user_id=1, lesson_ids=[1], valid_for=timedelta(days=365))
DamstraGroupLessonSensor(task_id="valid_text", group_id=1, lesson_id=1, valid_for="12 months")
DamstraUserLessonsSensor(task_id="user", user_id="{{ params.user }}", lesson_ids="1,2", poke_interval=60)
DamstraGroupLessonSensor(task_id="group", group_id=1, lesson_id="{{ params.lesson }}", threshold=0.9)
DamstraUserLessonsSensor(task_id="number", employee_number=4711, lesson_names=["Site Induction"])
DamstraUserLessonsSensor(task_id="address", email_address="{{ params.mail }}", lesson_names=schedule.output)
DamstraGroupLessonSensor(task_id="named", group_id=1, lesson_name="{{ params.lesson }}")
DamstraIltSessionSensor(task_id="state", ilt_session_id=4, state="inprogress", start_from_trigger=True)
DamstraIltSessionSensor(task_id="status", ilt_session_id=schedule.output, status="completed")
DamstraUserSensor(task_id="exists", emp_id=4711, max_poll_failures=3)
DamstraUserSensor(task_id="mail", email_address=schedule.output["address"])

users = DamstraExportOperator(
    task_id="users", resource="users", target_path="s3://lake/users.parquet", file_format="parquet"
)
DamstraExportOperator(
    task_id="schedules",
    resource="lesson_schedules",
    parent_ids_path=users.output["uri"],
    filters={"status": "overdue"},
    target_path="s3://lake/{{ ds }}/schedules.jsonl.gz",
    compression="gzip",
    incremental=True,
    full_refresh="{{ params.full_refresh }}",
    on_failed_parent="skip",
    outlets=[Asset("schedules")],
)
DamstraToSqlOperator(
    task_id="sql", resource="users", sql_conn_id="postgres_default", table="users", write_mode="replace"
)
DamstraToSqlOperator(
    task_id="history", resource="users", sql_conn_id="a", table="users", delete_mode="soft", history=True
)
DamstraCreateSqlViewsOperator(
    task_id="views", sql_conn_id="a", views=["training_status"], tables={"users": "people"}, view_prefix="v_"
)
DamstraTrainingMatrixOperator(
    task_id="matrix", group_id="1", target_path="matrix.csv", lesson_ids=[1, "2"], file_format="csv"
)
DamstraTrainingMatrixOperator(
    task_id="rules",
    group_id=1,
    target_path="matrix.csv",
    requirements=[{"lessons": ["Site Induction"], "all": True}],
    at="{{ ds }}T00:00:00+08:00",
)
DamstraTrainingMatrixOperator(
    task_id="names", group_id=1, target_path="matrix.csv", lesson_names=["Site Induction"]
)
DamstraTrainingStatusOperator(
    task_id="status",
    requirements=[{"lessons": ["Site Induction"], "all": True, "valid_for": "12 months"}],
    employee_numbers=["4711", 4712],
    at="{{ dag_run.run_after }}",
    target_path="s3://lake/{{ ds }}/status.parquet",
    file_format="parquet",
)
DamstraTrainingStatusOperator(task_id="from_file", requirements_path="rules.yaml", emit_events=True)
DamstraTrainingStatusOperator(
    task_id="due",
    requirements={"requirements": [{"lessons": [201], "all": True, "grace_period": "14 days"}]},
    sql_conn_id="postgres_default",
    table="training_status",
    schedule_due=True,
    dry_run="{{ params.dry_run }}",
    max_scheduled=50,
    include_supervisors=True,
)
DamstraTrainingStatusOperator(task_id="from_variable", requirements="{{ var.value.rules }}")
DamstraDeliverCompletionsOperator(
    task_id="deliver",
    lesson_schedule_ids=TRIGGERING_LESSON_SCHEDULE_IDS,
    http_conn_id="hr",
    body_format="json",
    receipt_path="s3://hr/receipts",
    redeliver="{{ params.redeliver }}",
)
DamstraDeliverCompletionsOperator(
    task_id="file",
    completed_from="2026-01-01T00:00:00+08:00",
    target_path="s3://hr/{{ run_id }}.csv",
    receipt_path="s3://hr/receipts",
    columns={"Course": "lesson_name"},
)

DamstraEventTrigger(user_ids=[7, "8"], events=["lesson.schedule.completed", SCHEDULE_COMPLETED])
with DAG("congratulate", schedule=[damstra_event("lesson.schedule.completed")]):
    ...
