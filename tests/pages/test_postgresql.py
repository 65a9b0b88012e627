"""The queries of the pages about Airflow's tables, on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow import settings
from airflow.jobs.job import Job
from airflow.models import import_all_models
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.trigger import Trigger
from sqlalchemy import create_engine, inspect
from sqlalchemy.orm import sessionmaker
from sqlalchemy.schema import CreateTable

from airflow_provider_damstra.pages.task_outcomes import TryCounts, count_tries
from airflow_provider_damstra.pages.waiting_tasks import count_waiting_tasks, list_waiting_tasks
from tests.pages.conftest import CONN_ID
from tests.pages.task_instances import NOW, add_task, add_trigger
from tests.postgresql import HOST, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgresql import PostgreSQL

pytestmark = pytest.mark.needs_airflow("3.1")

TABLES = (
    *(DagBundleModel, DagModel, Job, RenderedTaskInstanceFields, TaskInstance, TaskInstanceHistory),
    *(TaskReschedule, Trigger),
)


@pytest.fixture
def _postgresql_metadata(
    postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Use a PostgreSQL database as the metadata database, with the tables of the queries only."""
    import_all_models()  # type: ignore[no-untyped-call]
    url = f"postgresql+psycopg2://{USER}:{postgresql.password}@{HOST}:{postgresql.port}/{database}"
    engine = create_engine(url)
    with engine.begin() as connection:
        for model in TABLES:
            table = inspect(model).local_table
            # Without foreign keys: they refer to many other tables.
            connection.execute(CreateTable(table, include_foreign_key_constraints=[]))
    make_session = sessionmaker(engine, autoflush=False, expire_on_commit=False)
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "Session", make_session)
    monkeypatch.setattr(settings, "NonScopedSession", make_session)
    yield
    engine.dispose()


@pytest.mark.usefixtures("_postgresql_metadata")
def test_tries_are_counted_by_the_connection_in_the_rendered_fields() -> None:
    hour = timedelta(hours=1)
    for task_id, state in (("one", "success"), ("two", "failed")):
        add_task(task_id, state, rendered={"damstra_conn_id": CONN_ID, "user_ids": [7]}, ended=hour)
    add_task("two", "failed", ended=hour, in_history=True)
    add_task("other", "success", rendered={"user_id": 7}, ended=hour)
    assert count_tries(["onboarding"], since=NOW - timedelta(hours=24)) == {
        CONN_ID: TryCounts(failed=2, succeeded=1),
        None: TryCounts(succeeded=1),
    }


@pytest.mark.usefixtures("_postgresql_metadata")
def test_waits_are_listed() -> None:
    add_task("deferred", "deferred", trigger_id=add_trigger(user_id=7, lesson_ids=[12]))
    add_task("polling", "up_for_reschedule", rendered={"damstra_conn_id": "site_b"}, rescheduled_to=NOW)
    tasks = list_waiting_tasks(["onboarding"], limit=10)
    assert [(task.task_id, task.conn_id) for task in tasks] == [("deferred", CONN_ID), ("polling", "site_b")]
    assert tasks[1].next_poll == NOW
    assert count_waiting_tasks(["onboarding"]) == 2
