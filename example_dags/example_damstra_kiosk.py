"""Let a returning contractor through the gate: an account that works, and a kiosk to do the induction on.

    account, found or created -> active again -> contact details -> lesson scheduled
    -> login URL, lesson player's URL and list of what is to do, as files for the kiosk

Who has worked here before is found by the employee number and keeps the learning record. Both URLs open the
account without a password, so they go to files that only the kiosk may read, never to XCom or a log.
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
        "lesson": Param("Site Induction", type="string", description="What to do before going on site"),
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
    # The name stays as the learning record has it; how to reach somebody is what they say today.
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
    # An operation without an operator of its own.
    to_do = DamstraCallOperator(
        task_id="list_lessons_to_do",
        endpoint="ListUserLessonSchedules",
        arguments={"user_id": user.output, "status": "due"},
        path=f"{folder}/lessons.jsonl",
    )
    chain(activate, contact, schedule, [login, player, to_do])

if __name__ == "__main__":
    dag.test()
