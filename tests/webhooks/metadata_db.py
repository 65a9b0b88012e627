"""DAGs, assets and asset events in Airflow's metadata database, and waiting for processed events."""

from __future__ import annotations

from typing import Any

from airflow import settings
from airflow.models.asset import (
    AssetActive,
    AssetDagRunQueue,
    AssetEvent,
    AssetModel,
    DagScheduleAssetReference,
)
from airflow.models.dag import DagModel
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import event_uri
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.inbox import EventState
from demo.waiting import wait_until

COMPLETED = "lesson.schedule.completed"


def create_dag(dag_id: str = "congratulate", *event_names: str, is_paused: bool = False) -> None:
    """Create a DAG that is scheduled on the assets of events; on that of completions, if none is named."""
    with Session(settings.engine) as session:
        fields = {"bundle_name": "dags", "timetable_summary": "x", "is_stale": False}
        session.add(DagModel(dag_id=dag_id, is_paused=is_paused, **fields))  # type: ignore[no-untyped-call]
        for name in event_names or (COMPLETED,):
            uri = event_uri(name, conn_id="damstra_default")
            asset = session.scalar(select(AssetModel).where(AssetModel.uri == uri))
            if asset is None:
                asset = AssetModel(name=uri, uri=uri)
                session.add(asset)
                session.flush()
                session.merge(AssetActive(name=uri, uri=uri))
            session.add(DagScheduleAssetReference(asset_id=asset.id, dag_id=dag_id))
        session.commit()


def list_asset_events(*, offset: int = 0) -> list[AssetEvent]:
    """Return all asset events after a number of earlier ones, the oldest first."""
    with Session(settings.engine) as session:
        return list(session.scalars(select(AssetEvent).order_by(AssetEvent.id).offset(offset)))


def partition_key_of(event: AssetEvent) -> str | None:
    """Return the partition key of an asset event; None before Airflow 3.2."""
    return getattr(event, "partition_key", None)


def list_queued_dags() -> list[str]:
    """Return the ids of the DAGs that are queued for a run."""
    with Session(settings.engine) as session:
        return sorted(set(session.scalars(select(AssetDagRunQueue.target_dag_id))))


def list_queued_events(dag_id: str) -> list[int]:
    """Return the ids of the asset events that the queued runs of a DAG take."""
    entry: Any = AssetDagRunQueue
    if hasattr(entry, "asset_event_id"):  # Airflow 3.4
        is_taken = entry.asset_event_id == AssetEvent.id
    else:
        is_taken = and_(entry.asset_id == AssetEvent.asset_id, entry.created_at >= AssetEvent.timestamp)
    taken = select(AssetEvent.id).join(entry, is_taken).where(entry.target_dag_id == dag_id)
    with Session(settings.engine) as session:
        return list(session.scalars(taken.order_by(AssetEvent.id)))


def wait_for_processed(count: int = 1) -> list[dict[str, Any]]:
    """Wait until at least `count` events are confirmed or refused, and return them, the newest first."""
    processed = (EventState.CONFIRMED, EventState.REFUSED)
    wait_until(
        lambda: len(inbox.list_events(states=processed)) >= count,
        description="events to be confirmed or refused",
        timeout=30,
        interval=0.02,
    )
    return inbox.list_events(states=processed)
