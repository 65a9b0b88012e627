"""Airflow assets and OpenLineage datasets of what a transfer reads and writes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import Asset, AssetAlias

from airflow_provider_damstra.storage import LOCAL_PROTOCOLS, object_storage_path

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_damstra.exports.dataset import Dataset

_TEMPLATE = re.compile(r"\{[{%]")
_SAME_IN_EVERY_RUN = re.compile(r"\{\{\s*(?:params|var|conn)\b[^{}]*\}\}")


def source_asset(damstra_conn_id: str, resource: str) -> Asset | None:
    """Return the asset of a resource, or None if one of the names is a template."""
    if "{" in f"{damstra_conn_id}{resource}":
        return None
    return Asset(name=f"damstra/{damstra_conn_id}/{resource}")


def output_alias(operator: BaseOperator) -> AssetAlias:
    """Return the alias to which a task adds what it writes, whose URI is known when it runs."""
    dag_id = f"{operator.dag_id}/" if operator.has_dag() else ""  # type: ignore[no-untyped-call]
    return AssetAlias(name=f"damstra/{dag_id}{operator.task_id}")


def file_location(path: str) -> tuple[str, str]:
    """Return OpenLineage's namespace, such as ``s3://bucket``, and name of a file, without connection id."""
    target = object_storage_path(path)
    if target.protocol in LOCAL_PROTOCOLS:
        return "file", target.path
    # Below Airflow 3.2 the connection id is a part of the bucket.
    return f"{target.protocol}://{target.bucket.rpartition('@')[2]}", target.key


def asset_uri(namespace: str, *names: str) -> str:
    """Return the URI of an asset from its OpenLineage namespace and the components of its name."""
    namespace = "file://" if namespace == "file" else namespace
    return "/".join([namespace, *(quote(name.lstrip("/")) for name in names)])


def varies_by_run(*templates: object) -> bool:
    """Return whether templates may be rendered differently in each DAG run, as dates are."""
    return any(_TEMPLATE.search(_SAME_IN_EVERY_RUN.sub("", str(template))) for template in templates)


def emit_asset_events(
    operator: BaseOperator, context: Context, *, uri: str | None, extra: dict[str, Any]
) -> None:
    """Add an event to each asset in a task's outlets, and one asset to each alias.

    :param uri: the URI of that asset, or None for an asset that has the alias's name: a URI that differs in
        each DAG run would add an asset each time.
    :param extra: the event's extra, as JSON; the dates of the DAG run are added.
    """
    events: Any = context.get("outlet_events")
    if events is None:
        return
    extra |= {name: _run_date(context, name) for name in ("logical_date", "run_after")}
    for outlet in operator.outlets:
        if not isinstance(outlet, AssetAlias):
            events[outlet].extra.update(extra)
        elif asset := Asset(name=outlet.name) if uri is None else _create_asset(uri):
            events[outlet].add(asset, extra=extra)


def _run_date(context: Context, name: str) -> str | None:
    date = getattr(context.get("dag_run"), name, None)
    return date.isoformat() if date else None


def _create_asset(uri: str) -> Asset | None:
    # A warning that no installed provider handles the scheme would be of no use in the task's log, and rows
    # can be written to places whose URI one of Airflow's providers rejects.
    with warnings.catch_warnings(action="ignore"), suppress(ValueError):
        return Asset(uri=uri)
    return None


def operator_lineage(
    *,
    base_url: str,
    sources: Sequence[Dataset],
    written: Dataset,
    target: tuple[str, str],
    rows: int,
    size: int | None = None,
) -> OperatorLineage[Any, Any]:
    """Return sources and target with their columns for OpenLineage.

    :param base_url: the API's base URL.
    :param sources: the resources that were read.
    :param written: the kind of the rows that were written.
    :param target: namespace and name of what was written.
    :param rows: the number of rows written.
    :param size: bytes written, if the target is a file.
    """
    from airflow.providers.common.compat.openlineage.facet import (
        InputDataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    host = f"damstra://{urlsplit(base_url).netloc}"
    namespace, name = target
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size)
    return OperatorLineage(
        inputs=[InputDataset(namespace=host, name=one.name, facets=_schema_facet(one)) for one in sources],
        outputs=[
            OutputDataset(
                namespace=namespace,
                name=name,
                facets=_schema_facet(written),
                outputFacets={"outputStatistics": statistics},
            )
        ],
    )


def _schema_facet(dataset: Dataset) -> dict[str, Any]:
    from airflow.providers.common.compat.openlineage.facet import (
        SchemaDatasetFacet,
        SchemaDatasetFacetFields,
    )

    from airflow_provider_damstra.exports.schema import resource_columns

    columns = resource_columns(dataset)
    fields = [SchemaDatasetFacetFields(name=column.name, type=str(column.type)) for column in columns]
    return {"schema": SchemaDatasetFacet(fields=fields)}
