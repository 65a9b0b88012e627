"""Entries in Airflow's queue of DAG runs, for events that Airflow itself queues for partitioned DAGs only.

Airflow has no public call for this: its asset manager queues an event with a partition key for DAGs with
partitions, and no others. The queue differs between releases.

================= ============================== ======================================================
Airflow           key of an entry                what a DAG run takes
================= ============================== ======================================================
3.2 and 3.3       DAG and asset                  the asset's events until the time of the entry
from 3.4          DAG and asset event            the event; without ``batch_asset_events`` one for each run
================= ============================== ======================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.models.asset import (
    AssetDagRunQueue,
    DagScheduleAssetNameReference,
    DagScheduleAssetReference,
    DagScheduleAssetUriReference,
)
from airflow.models.dag import DagModel
from sqlalchemy import func, insert, select, union
from sqlalchemy.dialects import mysql, postgresql, sqlite

if TYPE_CHECKING:
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy.orm import Session

IS_KEYED_BY_EVENT = hasattr(AssetDagRunQueue, "asset_event_id")
"""True in Airflow 3.4 and newer."""


def queue_dags_without_partitions(asset: AssetModel, event: AssetEvent, session: Session) -> None:
    """Queue the DAGs without partitions that are scheduled on an asset, for an event with a partition key.

    :param event: the asset event, which has its id already.
    """
    dag_ids = _scheduled_dag_ids(asset, session)
    if IS_KEYED_BY_EVENT:
        _insert_entries(asset.id, event.id, dag_ids, session)
    else:
        for dag_id in dag_ids:
            session.execute(_upsert_entry(asset.id, dag_id, session))


def _scheduled_dag_ids(asset: AssetModel, session: Session) -> list[str]:
    """Return the active DAGs without partitions, as Airflow's asset manager selects those with partitions."""
    scheduled = union(
        select(DagScheduleAssetReference.dag_id).where(DagScheduleAssetReference.asset_id == asset.id),
        select(DagScheduleAssetNameReference.dag_id).where(DagScheduleAssetNameReference.name == asset.name),
        select(DagScheduleAssetUriReference.dag_id).where(DagScheduleAssetUriReference.uri == asset.uri),
    )
    query = select(DagModel).where(DagModel.is_paused.is_(False), DagModel.dag_id.in_(scheduled))
    dags: list[Any] = [dag for dag in session.scalars(query) if not dag.timetable_partitioned]
    # Airflow 3.4 does not start further runs of a DAG that is draining.
    dag_ids = sorted(dag.dag_id for dag in dags if not getattr(dag, "is_draining", False))
    if dag_ids and conf.getboolean("core", "multi_team", fallback=False):
        # Events from outside belong to no team and start no team's DAG.
        teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids, session=session)
        return [dag_id for dag_id in dag_ids if teams.get(dag_id) is None]
    return dag_ids


def _insert_entries(asset_id: int, event_id: int, dag_ids: Sequence[str], session: Session) -> None:
    """Queue DAGs for one event. It is new, so there can be no entries for it yet."""
    if dag_ids:
        rows = [
            {"asset_id": asset_id, "asset_event_id": event_id, "target_dag_id": dag_id} for dag_id in dag_ids
        ]
        session.execute(insert(AssetDagRunQueue), rows)


def _upsert_entry(asset_id: int, dag_id: str, session: Session) -> Any:
    """Return the statement that queues a DAG for an asset, or sets the timestamp of its entry to now.

    Airflow leaves an existing entry unchanged. But a scheduler that is reading it starts a run with the
    events until then, and this event would wait for the next one; the update waits for that scheduler.
    """
    row = {"asset_id": asset_id, "target_dag_id": dag_id, "created_at": datetime.now(UTC)}
    current = AssetDagRunQueue.created_at
    dialect = session.get_bind().dialect.name
    if dialect == "mysql":
        upsert = mysql.insert(AssetDagRunQueue).values(row)
        newest = func.greatest(current, upsert.inserted.created_at)
        return upsert.on_duplicate_key_update(created_at=newest)
    insert_into, greatest = (
        (postgresql.insert, func.greatest) if dialect == "postgresql" else (sqlite.insert, func.max)
    )
    statement = insert_into(AssetDagRunQueue).values(row)
    newest = greatest(current, statement.excluded.created_at)
    return statement.on_conflict_do_update(
        index_elements=["asset_id", "target_dag_id"], set_={"created_at": newest}
    )
