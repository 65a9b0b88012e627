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
    """Return the alias under which a task emits the files it writes, whatever they are called."""
    dag_id = f"{operator.dag_id}/" if operator.has_dag() else ""  # type: ignore[no-untyped-call]
    return AssetAlias(name=f"damstra/{dag_id}{operator.task_id}")


def place_of(path: str) -> tuple[str, str]:
    """Return where a file is, such as ``s3://bucket``, and its name there, without the connection's id."""
    target = ObjectStoragePath(path)
    if target.protocol in LOCAL_PROTOCOLS:
        return "file", target.absolute().path
    return f"{target.protocol}://{target.bucket}", target.key


def emit(operator: BaseOperator, context: Context, *, path: str, extra: dict[str, Any]) -> None:
    """Let Airflow know of a file that was written.

    Assets that the task declares get the event with what is to be known of the file; aliases, an asset with
    the file's URI.

    :param extra: what is to be known, as JSON.
    """
    events: Any = context.get("outlet_events")
    if events is None:
        return
    for outlet in operator.outlets:
        if isinstance(outlet, AssetAlias):
            asset = _asset_of(path)
            if asset is not None:
                events[outlet].add(asset, extra=extra)
        else:
            events[outlet].extra.update(extra)


def _asset_of(path: str) -> Asset | None:
    namespace, name = place_of(path)
    start = "file://" if namespace == "file" else f"{namespace}/"
    with warnings.catch_warnings():
        # That no provider is installed which knows the scheme does not concern who reads the task's log.
        warnings.simplefilter("ignore")
        try:
            return Asset(uri=start + quote(name))
        except ValueError:
            # What Airflow's providers take for no address of such a file, files are written to all the same.
            return None
