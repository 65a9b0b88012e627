"""DAG runs that asset events trigger: ``dag.test()`` has none, so they are added to the new run."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, kw_only=True)
class Event:
    """An update of an asset.

    :param asset: the asset's URI or name.
    :param payload: the payload in its extra.
    :param unverified: the other fields of the event in its extra.
    :param partition_key: partition key of the event and of the run.
    """

    asset: str
    payload: dict[str, Any] = field(default_factory=dict)
    unverified: dict[str, Any] = field(default_factory=dict)
    partition_key: str | None = None


@contextmanager
def triggered_by(events: Sequence[Event]) -> Iterator[None]:
    """Add asset events to the DAG runs that are created in this context."""
    from airflow.models import dagrun

    original = dagrun.get_or_create_dagrun

    def get_or_create_dagrun(*, session: Any, **arguments: Any) -> Any:
        run = original(session=session, **arguments)
        for event in events:
            run.partition_key = event.partition_key
            run.consumed_asset_events.append(_asset_event(event, session))
        session.commit()
        return run

    with patch.object(dagrun, "get_or_create_dagrun", get_or_create_dagrun):
        yield


def _asset_event(event: Event, session: Any) -> Any:
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy import or_, select

    named = or_(AssetModel.uri == event.asset, AssetModel.name == event.asset)
    asset = session.scalars(select(AssetModel).where(named)).one()
    extra = {"payload": event.payload, "unverified": event.unverified}
    return AssetEvent(asset_id=asset.id, extra=extra, partition_key=event.partition_key)
