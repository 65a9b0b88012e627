"""What OpenLineage is told of a transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


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

    from airflow_provider_damstra.exports.resources import named_resource
    from airflow_provider_damstra.exports.schema import columns_of

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
