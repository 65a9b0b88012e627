"""DAG runs by partition: each person's events start runs of DAGs whose timetable has partitions."""

from __future__ import annotations

from typing import Any

import pytest
from airflow import settings
from airflow.models.asset import AssetModel
from airflow.models.dag import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import TRAINING_EXPIRED, damstra_event
from airflow_provider_damstra.webhooks.training_history import record_evaluation
from tests.webhooks.metadata_db import create_dag
from tests.webhooks.trainings import CONN_ID, evaluation, status

pytestmark = pytest.mark.needs_airflow("3.3")


def create_partitioned_dag() -> None:
    """Create a DAG with partitions that is scheduled on ``training.expired``, as a DAG processor does."""
    from airflow.sdk import PartitionedAssetTimetable
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    create_dag("follow_up", TRAINING_EXPIRED)
    asset = damstra_event(TRAINING_EXPIRED)
    with DAG("follow_up", schedule=PartitionedAssetTimetable(assets=asset)) as dag:
        pass
    with Session(settings.engine) as session:
        partitioned: Any = update(DagModel).values({"timetable_partitioned": True})
        session.execute(partitioned)
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="dags", session=session)
        session.commit()


@pytest.mark.usefixtures("metadata_database")
def test_each_person_has_a_run_of_a_dag_with_partitions() -> None:
    from airflow.models.asset import AssetPartitionDagRun

    create_partitioned_dag()
    record_evaluation(evaluation({7: status("expired"), 8: status("expired")}, day=200), conn_id=CONN_ID)
    with Session(settings.engine) as session:
        runs = session.scalars(select(AssetPartitionDagRun).order_by(AssetPartitionDagRun.id)).all()
        assert [(run.target_dag_id, run.partition_key) for run in runs] == [
            ("follow_up", "7"),
            ("follow_up", "8"),
        ]
        assert session.scalars(select(AssetModel.uri)).all() == [damstra_event(TRAINING_EXPIRED).uri]
