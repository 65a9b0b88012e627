"""Assets that stand for Damstra's webhook events: ``damstra://<connection>/<event>``. Cheap to import.

::

    with DAG("congratulate", schedule=[damstra_event("lesson.schedule.completed")]):
        ...  # triggering_asset_events has extra["payload"], extra["source"] and extra["received_at"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from airflow.sdk import Asset

from airflow_provider_damstra.event_names import ALL_EVENTS, EVENT_NAMES

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

SCHEME = "damstra"
DEFAULT_CONNECTION = "damstra_default"


def damstra_event(
    name: str = ALL_EVENTS, *, conn_id: str = DEFAULT_CONNECTION, extra: dict[str, Any] | None = None
) -> Asset:
    """Return the asset that is updated whenever Damstra reports an event.

    :param name: Damstra's name of the event, such as ``lesson.schedule.completed``; ``all`` for every event,
        those of names that this provider does not know too.
    :param conn_id: id of the Airflow connection whose webhook brings the event.
    :param extra: what the asset itself is to hold.
    :raises ValueError: if there is no such event.
    """
    return Asset(uri=event_uri(name, conn_id=conn_id), extra=extra or {})


def event_uri(name: str, *, conn_id: str) -> str:
    """Return the URI of an event's asset.

    :raises ValueError: if there is no such event, or no connection is named.
    """
    _check(conn_id, name)
    return f"{SCHEME}://{quote(conn_id, safe='')}/{name}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the one form of a ``damstra://`` URI, for Airflow.

    :raises ValueError: if it names no connection, or an event that does not exist.
    """
    conn_id, name = unquote(uri.netloc), uri.path.strip("/").lower()
    if uri.query:
        raise ValueError(f"A {SCHEME}:// URI has no query, but this one has {uri.query!r}.")
    _check(conn_id, name)
    return uri._replace(netloc=quote(conn_id, safe=""), path=f"/{name}")


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:
    """Return what OpenLineage calls an event's asset: the connection is the namespace, the event the name."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=f"{SCHEME}://{parts.netloc}", name=parts.path.strip("/"))


def _check(conn_id: str, name: str) -> None:
    if not conn_id:
        raise ValueError(f"A {SCHEME}:// asset names its connection: {SCHEME}://<connection>/<event>.")
    if name not in (*EVENT_NAMES, ALL_EVENTS):
        known = ", ".join((*EVENT_NAMES, ALL_EVENTS))
        raise ValueError(f"Damstra reports no event {name!r}. There are: {known}.")
