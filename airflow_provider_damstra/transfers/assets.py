"""The assets of Airflow that transfers read and write."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias, ObjectStoragePath

from airflow_provider_damstra.storage import LOCAL_PROTOCOLS

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def source_of(damstra_conn_id: str, resource: str) -> Asset | None:
    """Return the asset that stands for a resource, or None if templates hide which it is."""
    if "{" in f"{damstra_conn_id}{resource}":
        return None
    return Asset(name=f"damstra/{damstra_conn_id}/{resource}")


def alias_of(operator: BaseOperator) -> AssetAlias:
    """Return the alias under which a task emits what it writes, whatever that is called."""
    dag_id = f"{operator.dag_id}/" if operator.has_dag() else ""  # type: ignore[no-untyped-call]
    return AssetAlias(name=f"damstra/{dag_id}{operator.task_id}")


def place_of(path: str) -> tuple[str, str]:
    """Return where a file is, such as ``s3://bucket``, and its name there, without the connection's id."""
    target = ObjectStoragePath(path)
    if target.protocol in LOCAL_PROTOCOLS:
        return "file", target.absolute().path
    # Before Airflow 3.2 the connection's id is a part of the bucket.
    return f"{target.protocol}://{target.bucket.rpartition('@')[2]}", target.key


def uri_of_file(path: str) -> str:
    """Return the URI of a file's asset."""
    namespace, name = place_of(path)
    return uri_of("file://" if namespace == "file" else namespace, name)


def uri_of(namespace: str, *names: str) -> str:
    """Return the URI of an asset: where it is, and what it is called there."""
    return "/".join([namespace, *(quote(name.lstrip("/")) for name in names)])


def emit(operator: BaseOperator, context: Context, *, uri: str, extra: dict[str, Any]) -> None:
    """Let Airflow know of what was written.

    Assets that the task declares get the event with what is to be known of it; aliases, an asset for it.

    :param uri: of what was written.
    :param extra: what is to be known, as JSON.
    """
    events: Any = context.get("outlet_events")
    if events is None:
        return
    for outlet in operator.outlets:
        if isinstance(outlet, AssetAlias):
            asset = _asset_at(uri)
            if asset is not None:
                events[outlet].add(asset, extra=extra)
        else:
            events[outlet].extra.update(extra)


def _asset_at(uri: str) -> Asset | None:
    with warnings.catch_warnings():
        # That no provider is installed which knows the scheme does not concern who reads the task's log.
        warnings.simplefilter("ignore")
        try:
            return Asset(uri=uri)
        except ValueError:
            # What Airflow's providers take for no address, rows are written to all the same.
            return None
