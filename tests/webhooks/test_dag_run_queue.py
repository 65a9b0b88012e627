"""DAGs that an event with a partition key queues."""

from __future__ import annotations

from typing import Any

import pytest
from airflow import settings
from airflow.models.dag import DagModel
from sqlalchemy import update
from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import USER_UPDATED, event_uri
from airflow_provider_damstra.webhooks.asset_events import register_asset_events
from tests.webhooks.metadata_db import create_dag, list_queued_dags


def register_event() -> None:
    with Session(settings.engine) as session:
        uris = [event_uri(USER_UPDATED, conn_id="damstra_default")]
        register_asset_events(uris, extra={}, user_id=7, session=session)
        session.commit()


@pytest.mark.needs_airflow("3.4")
@pytest.mark.usefixtures("metadata_database")
def test_draining_dag_is_not_queued() -> None:
    for dag_id in ("running", "draining"):
        create_dag(dag_id, USER_UPDATED)
    with Session(settings.engine) as session:
        drain: Any = update(DagModel).where(DagModel.dag_id == "draining").values({"is_draining": True})
        session.execute(drain)
        session.commit()
    register_event()
    assert list_queued_dags() == ["running"]
