"""What OpenLineage is told of a transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from sqlalchemy import Engine


def table_of(engine: Engine, table: str) -> tuple[str, str]:
    """Return what OpenLineage calls a table's namespace and its name.

    :param table: its name, with its schema if that is known.
    """
    url = engine.url
    kind = {"postgresql": "postgres"}.get(engine.dialect.name, engine.dialect.name)
    port = f":{url.port}" if url.port else ""
    return f"{kind}://{url.host or ''}{port}", ".".join(filter(None, (url.database, table)))


def lineage_of(
    *, base_url: str, resource: str, target: tuple[str, str], rows: int, size: int | None = None
) -> OperatorLineage[Any, Any]:
    """Return source and target with their columns.

    :param base_url: of the API.
    :param target: namespace and name of what was written.
    :param rows: how many rows it has.
    :param size: how many bytes it has, if it is a file.
    """
    from airflow.providers.common.compat.openlineage.facet import (
        InputDataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
        SchemaDatasetFacet,
        SchemaDatasetFacetFields,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_damstra.exports.columns import columns_of
    from airflow_provider_damstra.exports.resources import named_resource

    read = named_resource(resource)
    fields = [SchemaDatasetFacetFields(name=one.name, type=str(one.type)) for one in columns_of(read)]
    facets: dict[str, Any] = {"schema": SchemaDatasetFacet(fields=fields)}
    host = f"damstra://{urlsplit(base_url).netloc}"
    parents = [InputDataset(namespace=host, name=read.parent)] if read.parent else []
    namespace, name = target
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size)
    return OperatorLineage(
        inputs=[InputDataset(namespace=host, name=read.name, facets=facets), *parents],
        outputs=[
            OutputDataset(
                namespace=namespace,
                name=name,
                facets=facets,
                outputFacets={"outputStatistics": statistics},
            )
        ],
    )
