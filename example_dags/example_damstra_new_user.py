"""Onboard each new user of Damstra, whether created manually, by an import or by another system.

    webhook: user created -> filter trainees -> add to a group -> schedule the first lesson
    -> wait until it is completed -> certificate

Started by Damstra's webhook (setup: docs/how-to/events.md). A run processes all users created since the
previous run. The sensor occupies no worker, and ends within seconds of the webhook of the completion.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_damstra.assets import damstra_event
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.group import DamstraAddGroupMembersOperator
from airflow_provider_damstra.operators.lesson import (
    DamstraDownloadCertificateOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

created = damstra_event("user.account.created")

with DAG(
    dag_id="example_damstra_new_user",
    schedule=[created],
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "group_id": Param(102, type="integer", description="Group of new starters (Pit Crew A)"),
        "lesson": Param("Site Induction", type="string", description="First lesson"),
        "grace_days": Param(7, type="integer", description="Days to complete it"),
        "certificates": Param("file:///tmp/certificates", type="string", description="Folder for the PDFs"),
    },
) as dag:

    @task.short_circuit
    def find_trainees(triggering_asset_events: Any = None) -> list[int]:
        """Return the ids of new, active trainees; without any, the run ends here."""
        from airflow_provider_damstra.endpoints import GetUser
        from airflow_provider_damstra.errors import DamstraNotFoundError
        from airflow_provider_damstra.models import Role

        hook = DamstraHook()
        trainees = []
        events = triggering_asset_events[created]
        for user_id in sorted({event.extra["payload"]["user_id"] for event in events}):
            try:
                user = hook.call(GetUser(user_id=user_id))
            except DamstraNotFoundError:
                continue
            if user.is_active and Role.TRAINEE in user.roles:
                trainees.append(user_id)
        return trainees

    trainees: Any = find_trainees()
    members = DamstraAddGroupMembersOperator(
        task_id="add_to_group", group_id="{{ params.group_id }}", user_ids=trainees
    )
    schedule = DamstraScheduleLessonsOperator(
        task_id="schedule_lesson",
        user_ids=trainees,
        lesson_names="{{ params.lesson }}",
        grace_period="{{ params.grace_days }}",
    )
    induction = DamstraLessonScheduleSensor(
        task_id="wait_for_lesson",
        lesson_schedule_ids=schedule.output,
        start_from_trigger=True,
        poke_interval=3600,
        timeout=pendulum.duration(days=14),
    )
    DamstraDownloadCertificateOperator.partial(
        task_id="save_certificate", path="{{ params.certificates }}/"
    ).expand(lesson_schedule_id=induction.output)
    members >> induction

if __name__ == "__main__":
    dag.test()
