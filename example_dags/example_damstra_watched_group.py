"""Report the completions of a group by polling, for an Airflow that webhooks cannot reach.

    a member of the group completes a lesson -> CSV file of the completions

Intended for installations behind a firewall. The triggerer polls once a minute, for all watchers and sensors
of the connection together, and occupies no worker. On Airflow 3.3 no completion is missed or repeated when
the triggerer is restarted. The group is constant, as assets are not templated.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, ObjectStoragePath, Param, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.triggers.event import DamstraEventTrigger

PIT_CREW_A = 102
completed = Asset(
    "pit_crew_a_completed_a_lesson",
    watchers=[
        AssetWatcher(
            name="pit_crew_a",
            trigger=DamstraEventTrigger(
                group_id=PIT_CREW_A, events=["lesson.schedule.completed"], poll_interval=60
            ),
        )
    ],
)

with DAG(
    dag_id="example_damstra_watched_group",
    schedule=[completed],
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={"reports": Param("file:///tmp/completions", type="string", description="Folder for the files")},
) as dag:

    @task
    def report(triggering_asset_events: Any = None, dag_run: Any = None, params: Any = None) -> str:
        """Write a line for each completion, and return the path."""
        from airflow_provider_damstra.endpoints import GetLessonSchedule
        from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv

        hook = DamstraHook()
        lines = [["employee_number", "lesson", "completed"]]
        ids = {event.extra["payload"]["lesson_schedule_id"] for event in triggering_asset_events[completed]}
        for schedule_id in sorted(ids):
            schedule = hook.call(GetLessonSchedule(lesson_schedule_id=schedule_id))
            day = schedule.lesson_completed_date
            names = [schedule.user_employee_number or "", schedule.lesson_name or ""]
            lines.append([*names, day.isoformat() if day else ""])
        path = ObjectStoragePath(params["reports"]) / f"{dag_run.run_after:%Y-%m-%dT%H%M%S}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names can contain formulas, which a spreadsheet would evaluate.
        path.write_text(format_csv(map(escape_formulas, line) for line in lines))
        return str(path)

    report()

if __name__ == "__main__":
    dag.test()
