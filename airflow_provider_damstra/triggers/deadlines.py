"""The deadline of a task that starts in the triggerer; imported by DAG files, so without the client."""

from __future__ import annotations

from datetime import UTC, datetime

TIMEOUT_MARGIN = 5.0
"""Seconds from the deadline to Airflow's timeout of the trigger, whose message does not name open users."""


def deadline_before(timeout_after: datetime) -> float:
    """Return the deadline, in seconds since the epoch, of a trigger with a timeout by Airflow.

    :param timeout_after: time of the timeout; naive ones are in UTC.
    """
    aware = timeout_after if timeout_after.tzinfo else timeout_after.replace(tzinfo=UTC)
    return aware.timestamp() - TIMEOUT_MARGIN
