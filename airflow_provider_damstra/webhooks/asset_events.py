"""Registration of asset events, which start DAG runs, within the transaction that settles an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.assets.manager import asset_manager
from airflow.models.asset import AssetEvent, AssetModel
from sqlalchemy import select

from airflow_provider_damstra.assets import ALL_EVENTS, EVENT_NAMES, SCHEME, event_uri
from airflow_provider_damstra.webhooks.dag_run_queue import queue_dags_without_partitions

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

HAS_PARTITIONS = hasattr(AssetEvent, "partition_key")
"""True in Airflow 3.2 and newer."""


def asset_uris(name: str, *, conn_id: str) -> list[str]:
    """Return the URIs of the assets that a reported event updates: its own, if it is known, and `all`."""
    names = [name, ALL_EVENTS] if name in EVENT_NAMES else [ALL_EVENTS]
    return [event_uri(event_name, conn_id=conn_id) for event_name in names]


def register_asset_events(
    uris: Sequence[str], *, extra: dict[str, Any], user_id: int | None, session: Session
) -> list[Callable[[], None]]:
    """Register an event of each asset that a DAG uses.

    :param uris: URIs of the assets.
    :param extra: extra of the asset events.
    :param user_id: partition key, where Airflow has partitions.
    :returns: calls of Airflow's listeners, to be made after the commit.
    """
    partition_key = str(user_id) if HAS_PARTITIONS and user_id is not None else None
    listeners: list[Callable[[], None]] = []
    for asset in _lock_assets(uris, session):
        event = asset_manager.register_asset_change(
            asset=asset,
            extra=extra,
            session=session,
            source_is_api=True,
            api_user_teams=set(),
            callback_sink=listeners,
            partition_key=partition_key,
        )
        if partition_key is not None and event is not None:
            queue_dags_without_partitions(asset, event, session)
    return listeners


def _lock_assets(uris: Sequence[str], session: Session) -> list[AssetModel]:
    """Return the assets with these URIs, regardless of their names, and lock all assets of Damstra.

    The lock serializes asset events: each gets its timestamp after the one before was committed. A DAG run
    takes the events of a time range, and would miss an event that is committed after younger ones.
    """
    query = select(AssetModel).where(AssetModel.uri.startswith(f"{SCHEME}://")).order_by(AssetModel.id)
    locked = session.scalars(query.with_for_update(key_share=True, of=AssetModel))
    return [asset for asset in locked if asset.uri in uris]
