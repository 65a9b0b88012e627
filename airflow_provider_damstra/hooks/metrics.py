"""The provider's metrics, sent through Airflow's.

Tasks and triggers use the Task SDK's ``Stats``; the API server initializes a separate one, and the webhook
receiver runs there: ``server_stats``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import Stats

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request

EventOutcome = Literal["received", "duplicate", "unknown", "confirmed", "refused", "unavailable", "rejected"]


def count_request(request: Request, status: int | None, seconds: float, *, stats: Any = Stats) -> None:
    """Count and time one request: ``damstra.api.request`` and ``damstra.api.request.duration``.

    :param status: the HTTP status, or None without a response.
    :param seconds: duration of the request.
    :param stats: the metrics client of the process, where it is not the Task SDK's.
    """
    tags = {"operation": request.operation, "status": str(status or "none")}
    stats.incr("damstra.api.request", tags=tags)
    stats.timing("damstra.api.request.duration", timedelta(seconds=seconds), tags=tags)


def gauge_waiting_tasks(count: int, *, damstra_conn_id: str) -> None:
    """Report the number of tasks that wait in this triggerer on a connection: ``damstra.waits``."""
    Stats.gauge("damstra.waits", count, tags={"connection": damstra_conn_id})


def server_stats() -> Any:
    """Return the metrics client that the API server initializes."""
    try:
        from airflow.observability.stats import Stats as ServerStats
    except ImportError:  # Airflow before 3.2
        from airflow.stats import Stats as ServerStats  # type: ignore[assignment]
    return ServerStats


def count_event(outcome: EventOutcome, *, conn_id: str) -> None:
    """Count one webhook event: ``damstra.webhooks.<outcome>``."""
    server_stats().incr(f"damstra.webhooks.{outcome}", tags={"connection": conn_id})


def count_not_found() -> None:
    """Count a webhook request that received a 404 response: ``damstra.webhooks.not_found``."""
    server_stats().incr("damstra.webhooks.not_found")


def gauge_waiting_events(count: int) -> None:
    """Report the number of events that are neither confirmed nor refused: ``damstra.webhooks.waiting``."""
    server_stats().gauge("damstra.webhooks.waiting", count)
