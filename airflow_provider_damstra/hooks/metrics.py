"""What the provider counts, through Airflow's own metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import Stats

if TYPE_CHECKING:
    from airflow_provider_damstra.wire import Request


def count_request(request: Request, status: int | None, seconds: float) -> None:
    """Count one request as ``damstra.api.request``, and time it.

    :param status: the HTTP status, or None if no answer came.
    """
    tags = {"operation": request.operation, "status": str(status or "none")}
    Stats.incr("damstra.api.request", tags=tags)
    Stats.timing("damstra.api.request.duration", timedelta(seconds=seconds), tags=tags)


def gauge_waits(count: int, *, damstra_conn_id: str) -> None:
    """Say how many waits a triggerer has on a connection, as ``damstra.waits``."""
    Stats.gauge("damstra.waits", count, tags={"connection": damstra_conn_id})
