"""Request approval to reschedule each cancelled lesson schedule.

    webhook: lesson schedule cancelled -> look up user, lesson and supervisors -> approval in Airflow's UI
    -> schedule the lesson again, or not

Started by Damstra's webhook (setup: docs/how-to/events.md). Each cancelled schedule has its own question
under *Required Actions* (Airflow 3.1 or newer); a task that waits for the response occupies no worker.
Without a response within three days the lesson stays cancelled. Set ``notifiers`` on the approval to send it
by mail or chat.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_damstra.assets import damstra_event
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator

cancelled = damstra_event("lesson.schedule.cancelled")

with DAG(
    dag_id="example_damstra_cancelled_schedule",
    schedule=[cancelled],
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={"grace_days": Param(14, type="integer", description="Days to complete the lesson")},
) as dag:

    @task
    def find_cancelled(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return the question for each cancelled schedule of an active user."""
        from airflow_provider_damstra.endpoints import GetLessonSchedule, GetUser, ListGroupSupervisors

        hook = DamstraHook()
        extras = [event.extra for event in triggering_asset_events[cancelled]]
        questions = []
        # Damstra's API does not confirm the reason, so it is in another dictionary than the ids.
        reasons = {
            extra["payload"]["lesson_schedule_id"]: extra["unverified"].get("cancellation_reason")
            for extra in extras
        }
        for schedule_id, reason in reasons.items():
            schedule = hook.call(GetLessonSchedule(lesson_schedule_id=schedule_id))
            user = hook.call(GetUser(user_id=schedule.user_id)) if schedule.user_id else None
            if user is None or not user.is_active:
                continue
            supervisors = {
                supervisor.id: f"{supervisor.full_name} ({supervisor.email_address})"
                for group_id in user.groups
                for supervisor in hook.iterate(ListGroupSupervisors(group_id=group_id))
            }
            questions.append(
                {
                    "user_id": user.id,
                    "lesson_id": schedule.lesson_id,
                    "subject": f"Schedule {user.full_name} to {schedule.lesson_name} again?",
                    "body": f"Lesson schedule {schedule_id} was cancelled: {reason}\n\n"
                    f"Supervisors: {', '.join(supervisors.values()) or 'none'}",
                }
            )
        return questions

    @task_group
    def decide(user_id: Any, lesson_id: Any, subject: Any, body: Any) -> None:
        """Request approval, and reschedule the lesson if it is granted."""
        approval = ApprovalOperator(
            task_id="approve",
            subject=subject,
            body=body,
            defaults=ApprovalOperator.REJECT,
            response_timeout=timedelta(days=3),
        )
        approval >> DamstraScheduleLessonsOperator(
            task_id="schedule_again",
            user_ids=user_id,
            lesson_ids=lesson_id,
            grace_period="{{ params.grace_days }}",
        )

    decide.expand_kwargs(find_cancelled())

if __name__ == "__main__":
    dag.test()
