"""Circuit breaker of a connection, and the errors that open it."""

from __future__ import annotations

import time

from airflow_provider_damstra.errors import (
    DamstraAuthError,
    DamstraConfigurationError,
    DamstraRateLimitError,
    DamstraTransportError,
)

INITIAL_OPEN_SECONDS = 1.0
MAX_OPEN_SECONDS = 60.0
"""Time during which a circuit breaker stays open: doubled after each failure."""

_CONNECTION_ERRORS = (
    DamstraAuthError,
    DamstraConfigurationError,
    DamstraRateLimitError,
    DamstraTransportError,
)


def affects_connection(error: Exception) -> bool:
    """Return whether an error concerns all events of a connection.

    The sender, who may be anyone with the URL, chooses the ids. An error that Damstra returns for one id,
    such as 403, 831 or 500, must not delay other events; during an outage each event has its own backoff.
    """
    return isinstance(error, _CONNECTION_ERRORS)


class CircuitBreaker:
    """Circuit breaker of one connection: after a failure, send no requests for a time that doubles."""

    def __init__(self) -> None:
        self.reason = ""
        self._open_seconds = 0.0
        self._opened_at = 0.0

    @property
    def seconds_left(self) -> float:
        """Return the time until requests are sent again; 0 if the breaker is closed."""
        return max(0.0, self._opened_at + self._open_seconds - time.monotonic())

    def record_failure(self, reason: str) -> bool:
        """Open the breaker unless it is open, and return whether the reason is a new one."""
        if self.seconds_left:
            return False
        self._open_seconds = min(2 * self._open_seconds, MAX_OPEN_SECONDS) or INITIAL_OPEN_SECONDS
        self._opened_at = time.monotonic()
        is_new = reason != self.reason
        self.reason = reason
        return is_new

    def record_success(self, *, started_at: float) -> bool:
        """Close the breaker, and return whether there was a failure before.

        :param started_at: monotonic time of the request. If a request failed since then, the success does
            not close the breaker: of concurrent requests to a server that limits the rate, some succeed.
        """
        if started_at < self._opened_at:
            return False
        had_failed = bool(self.reason)
        self.reason = ""
        self._open_seconds = self._opened_at = 0.0
        return had_failed
