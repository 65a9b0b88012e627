"""The page of the tasks that wait: what for, since when, which task, and the next poll."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends
from starlette.responses import Response

from airflow_provider_damstra.pages.access import readable_dag_ids, requires
from airflow_provider_damstra.pages.navigation import WAITS, permitted_pages
from airflow_provider_damstra.pages.rendering import render
from airflow_provider_damstra.pages.urls import task_instance_url
from airflow_provider_damstra.pages.waiting_tasks import count_waiting_tasks, list_waiting_tasks

MAX_TASKS = 200

router = APIRouter()


@router.get(WAITS.path, dependencies=[Depends(requires(*WAITS.permissions))])
def show_waits(user: GetUserDep) -> Response:
    """Show the waiting tasks of the DAGs that the user may read, the longest wait first."""
    dag_ids = readable_dag_ids(user)
    return render(
        "waits",
        pages=permitted_pages(user),
        path=WAITS.path,
        tasks=list_waiting_tasks(dag_ids, limit=MAX_TASKS),
        total=count_waiting_tasks(dag_ids),
        now=datetime.now(UTC),
        task_instance_url=task_instance_url,
    )
