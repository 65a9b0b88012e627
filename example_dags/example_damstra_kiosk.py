"""Prepare the account of a contractor, and the files for a kiosk on which to complete the induction.

    find or create the user -> activate -> update contact details -> schedule the lesson
    -> login URL, URL of the lesson player, and list of due lessons, as files for the kiosk

A returning contractor is found by the employee number and keeps the learning record. Both URLs give access
to the account without a password, so they are written to private files and never to XCom or a log.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param, chain

from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.lesson import (
    DamstraGetEmbedUrlOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.operators.user import (
    DamstraActivateUserOperator,
    DamstraCreateUserOperator,
    DamstraGenerateLoginUrlOperator,
    DamstraUpdateUserOperator,
)

with DAG(
    dag_id="example_damstra_kiosk",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "employee_number": Param("E1038", type="string", pattern="^[A-Za-z0-9-]+$"),
        "first_name": Param("Wayne", type="string"),
        "last_name": Param("Birch", type="string"),
        "email_address": Param("wayne.birch@example.com", type="string"),
        "mobile_number": Param("+61 491 570 006", type="string"),
        "lesson": Param(
            "Site Induction", type="string", description="Lesson to complete before entering the site"
        ),
        "kiosk": Param("file:///tmp/kiosk", type="string", description="Folder that only the kiosk may read"),
    },
) as dag:
    folder = "{{ params.kiosk }}/{{ params.employee_number }}"

    user = DamstraCreateUserOperator(
        task_id="find_or_create_user",
        user={
            "employee_number": "{{ params.employee_number }}",
            "first_name": "{{ params.first_name }}",
            "last_name": "{{ params.last_name }}",
            "email_address": "{{ params.email_address }}",
            "send_welcome_email": False,
        },
    )
    activate = DamstraActivateUserOperator(task_id="activate_user", user_id=user.output)
    # The name in the learning record is kept; only contact details are updated.
    contact = DamstraUpdateUserOperator(
        task_id="update_contact_details",
        user_id=user.output,
        changes={
            "email_address": "{{ params.email_address }}",
            "mobile_number": "{{ params.mobile_number }}",
        },
    )
    schedule = DamstraScheduleLessonsOperator(
        task_id="schedule_lesson",
        user_ids=user.output,
        lesson_names="{{ params.lesson }}",
        grace_period=1,
    )
    login = DamstraGenerateLoginUrlOperator(
        task_id="login_url", user_id=user.output, expires_in="day", path=f"{folder}/login.url"
    )
    player = DamstraGetEmbedUrlOperator(
        task_id="player_url",
        lesson_schedule_id="{{ ti.xcom_pull(task_ids='schedule_lesson')[0].lesson_schedule_ids[0] }}",
        path=f"{folder}/player.url",
    )
    # An operation without its own operator.
    due_lessons = DamstraCallOperator(
        task_id="list_due_lessons",
        endpoint="ListUserLessonSchedules",
        arguments={"user_id": user.output, "status": "due"},
        path=f"{folder}/lessons.jsonl",
    )
    chain(activate, contact, schedule, [login, player, due_lessons])

if __name__ == "__main__":
    dag.test()
