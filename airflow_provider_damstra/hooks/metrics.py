"""What the provider counts, through Airflow's own metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request


def count_request(request: Request, status: int | None, seconds: float, *, stats: Any = Stats) -> None:
    """Count one request as ``damstra.api.request``, and time it.

    :param status: the HTTP status, or None if no answer came.
    :param stats: the metrics of the process, where these are not the task SDK's.
    """
    tags = {"operation": request.operation, "status": str(status or "none")}
    stats.incr("damstra.api.request", tags=tags)
    stats.timing("damstra.api.request.duration", timedelta(seconds=seconds), tags=tags)


def gauge_waits(count: int, *, damstra_conn_id: str) -> None:
    """Say how many waits a triggerer has on a connection, as ``damstra.waits``."""
    Stats.gauge("damstra.waits", count, tags={"connection": damstra_conn_id})
