"""Registration of asset events, which start DAG runs, within the transaction that confirms an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.assets.manager import asset_manager
from airflow.configuration import conf
from airflow.models.asset import (
    AssetDagRunQueue,
    AssetEvent,
    AssetModel,
    DagScheduleAssetNameReference,
    DagScheduleAssetReference,
    DagScheduleAssetUriReference,
)
from airflow.models.dag import DagModel
from sqlalchemy import func, select, union
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_provider_damstra.assets import ALL_EVENTS, EVENT_NAMES, SCHEME, event_uri

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

HAS_PARTITIONS = hasattr(AssetEvent, "partition_key")
"""True in Airflow 3.2 and newer."""


def asset_uris(name: str, *, conn_id: str) -> list[str]:
    """Return the URIs of the assets that an event updates: its own, if it is a known event, and `all`."""
    names = [name, ALL_EVENTS] if name in EVENT_NAMES else [ALL_EVENTS]
    return [event_uri(event_name, conn_id=conn_id) for event_name in names]


def register_asset_events(
    name: str, *, conn_id: str, extra: dict[str, Any], user_id: int | None, session: Session
) -> list[Callable[[], None]]:
    """Register asset events of the event's asset and of the asset for all events, as far as DAGs use them.

    :param name: name of the event.
    :param conn_id: id of the connection that received it.
    :param extra: extra of the asset events.
    :param user_id: partition key, where Airflow has partitions.
    :returns: calls of Airflow's listeners, to be made after the commit.
    """
    partition_key = str(user_id) if HAS_PARTITIONS and user_id is not None else None
    listeners: list[Callable[[], None]] = []
    for asset in _lock_assets(asset_uris(name, conn_id=conn_id), session):
        asset_manager.register_asset_change(
            asset=asset,
            extra=extra,
            session=session,
            source_is_api=True,
            api_user_teams=set(),
            callback_sink=listeners,
            partition_key=partition_key,
        )
        if partition_key is not None:
            _queue_dags_without_partitions(asset, session)
    return listeners


def _lock_assets(uris: Sequence[str], session: Session) -> list[AssetModel]:
    """Return the assets with these URIs, regardless of their names, and lock all assets of Damstra.

    The lock serializes asset events: each gets its timestamp after the one before was committed. A DAG run
    takes the events of a time range, and would miss an event that is committed after younger ones.
    """
    query = select(AssetModel).where(AssetModel.uri.startswith(f"{SCHEME}://")).order_by(AssetModel.id)
    locked = session.scalars(query.with_for_update(key_share=True, of=AssetModel))
    return [asset for asset in locked if asset.uri in uris]


def _queue_dags_without_partitions(asset: AssetModel, session: Session) -> None:
    """Queue the DAGs without partitions: Airflow does not start them for an event with a partition key."""
    scheduled = union(
        select(DagScheduleAssetReference.dag_id).where(DagScheduleAssetReference.asset_id == asset.id),
        select(DagScheduleAssetNameReference.dag_id).where(DagScheduleAssetNameReference.name == asset.name),
        select(DagScheduleAssetUriReference.dag_id).where(DagScheduleAssetUriReference.uri == asset.uri),
    )
    query = select(DagModel).where(DagModel.is_paused.is_(False), DagModel.dag_id.in_(scheduled))
    dag_ids = sorted(dag.dag_id for dag in session.scalars(query) if not dag.timetable_partitioned)
    if dag_ids and conf.getboolean("core", "multi_team", fallback=False):
        # Events from outside belong to no team and start no team's DAG.
        teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids, session=session)
        dag_ids = [dag_id for dag_id in dag_ids if teams.get(dag_id) is None]
    for dag_id in dag_ids:
        session.execute(_upsert_queue_entry(asset.id, dag_id, session))


def _upsert_queue_entry(asset_id: int, dag_id: str, session: Session) -> Any:
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
    insert, greatest = (
        (postgresql.insert, func.greatest) if dialect == "postgresql" else (sqlite.insert, func.max)
    )
    statement = insert(AssetDagRunQueue).values(row)
    newest = greatest(current, statement.excluded.created_at)
    return statement.on_conflict_do_update(
        index_elements=["asset_id", "target_dag_id"], set_={"created_at": newest}
    )
