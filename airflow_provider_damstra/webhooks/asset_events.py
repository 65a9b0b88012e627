"""From a confirmed event to an asset event, and so to DAG runs, within a transaction of the caller's."""

from __future__ import annotations

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
from sqlalchemy import func, or_, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_provider_damstra.assets import ALL_EVENTS, EVENT_NAMES, SCHEME, event_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

HAS_PARTITIONS = hasattr(AssetEvent, "partition_key")
"""Airflow 3.2 and newer."""


def update_assets(
    name: str, *, conn_id: str, extra: dict[str, Any], user_id: int | None, session: Session
) -> list[Callable[[], None]]:
    """Register an event with its own asset and with that of all events, if some DAG knows them.

    :param user_id: becomes the partition key, where Airflow has partitions.
    :returns: what is to be called once the transaction is committed: Airflow's listeners.
    """
    names = [ALL_EVENTS, *({name} & set(EVENT_NAMES))]
    uris = [event_uri(one, conn_id=conn_id) for one in names]
    later: list[Callable[[], None]] = []
    for asset in _known_assets(uris, session):
        # In an event of an unknown name a stranger chooses what is called an id: only a number is a key.
        key = str(user_id) if HAS_PARTITIONS and type(user_id) is int else None
        asset_manager.register_asset_change(
            asset=asset,
            extra=extra,
            session=session,
            source_is_api=True,
            api_user_teams=set(),
            callback_sink=later,
            partition_key=key,
        )
        if key is not None:
            _queue_dags_without_partitions(asset, session)
    return later


def _known_assets(uris: Sequence[str], session: Session) -> list[AssetModel]:
    """Return the assets that have these URIs, whatever their names; all of Damstra's are locked.

    One event after the other: each is given its time after the one before was committed. A DAG run takes the
    events of a span of time, and would leave out one that is older than others but committed after them.
    """
    ours = select(AssetModel).where(AssetModel.uri.startswith(f"{SCHEME}://")).order_by(AssetModel.id)
    locked = session.scalars(ours.with_for_update(key_share=True, of=AssetModel))
    return [asset for asset in locked if asset.uri in uris]


def _queue_dags_without_partitions(asset: AssetModel, session: Session) -> None:
    """Start the DAGs that know nothing of partitions: Airflow lets an event with a key start no such DAG."""
    waiting = (
        select(DagModel)
        .where(DagModel.is_paused.is_(False), or_(*_schedules_on(asset)))
        .order_by(DagModel.dag_id)
    )
    dag_ids = [dag.dag_id for dag in session.scalars(waiting) if not dag.timetable_partitioned]
    if dag_ids and conf.getboolean("core", "multi_team", fallback=False):
        # What comes from outside belongs to no team, and starts no team's DAG.
        teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids, session=session)
        dag_ids = [dag_id for dag_id in dag_ids if teams.get(dag_id) is None]
    for dag_id in dag_ids:
        session.execute(_queued(asset.id, dag_id, session))


def _schedules_on(asset: AssetModel) -> list[Any]:
    return [
        DagModel.dag_id.in_(select(reference.dag_id).where(condition))
        for reference, condition in (
            (DagScheduleAssetReference, DagScheduleAssetReference.asset_id == asset.id),
            (DagScheduleAssetNameReference, DagScheduleAssetNameReference.name == asset.name),
            (DagScheduleAssetUriReference, DagScheduleAssetUriReference.uri == asset.uri),
        )
    ]


def _queued(asset_id: int, dag_id: str, session: Session) -> Any:
    """Return the statement that queues a DAG for an asset, or moves its place in the queue to now.

    Airflow itself leaves a place that is taken as it is. But a scheduler that is just taking it starts a run
    with the events until then, and this one would wait for the next: to move it waits for that scheduler.
    """
    row = {"asset_id": asset_id, "target_dag_id": dag_id, "created_at": datetime.now(UTC)}
    keys = ["asset_id", "target_dag_id"]
    there = AssetDagRunQueue.created_at
    match session.get_bind().dialect.name:
        case "postgresql":
            put = postgresql.insert(AssetDagRunQueue).values(row)
            newest = func.greatest(there, put.excluded.created_at)
            return put.on_conflict_do_update(index_elements=keys, set_={"created_at": newest})
        case "mysql":
            into = mysql.insert(AssetDagRunQueue).values(row)
            return into.on_duplicate_key_update(created_at=func.greatest(there, into.inserted.created_at))
        case _:
            add = sqlite.insert(AssetDagRunQueue).values(row)
            newest = func.max(there, add.excluded.created_at)
            return add.on_conflict_do_update(index_elements=keys, set_={"created_at": newest})
