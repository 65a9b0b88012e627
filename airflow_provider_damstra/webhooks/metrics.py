"""What the receiver counts, through the metrics of Airflow's API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_damstra.hooks import metrics

try:
    # Not the task SDK's: the API server initializes its own.
    from airflow.observability.stats import Stats as Stats
except ImportError:  # Airflow before 3.2
    from airflow.stats import Stats  # type: ignore[assignment]

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request

Counted = Literal["received", "duplicate", "unknown", "confirmed", "refused", "unavailable", "rejected"]


def count_event(what: Counted, *, conn_id: str) -> None:
    """Count one event as ``damstra.webhooks.<what>``."""
    Stats.incr(f"damstra.webhooks.{what}", tags={"connection": conn_id})


def count_request(request: Request, status: int | None, seconds: float) -> None:
    """Count a request to Damstra like all others, as ``damstra.api.request``."""
    metrics.count_request(request, status, seconds, stats=Stats)


def count_stranger() -> None:
    """Count a request that was answered 404, as ``damstra.webhooks.not_found``."""
    Stats.incr("damstra.webhooks.not_found")


def gauge_waiting(count: int) -> None:
    """Say how many events wait to be confirmed, as ``damstra.webhooks.waiting``."""
    Stats.gauge("damstra.webhooks.waiting", count)
