"""Limit of requests per second, as a real API has one."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.rendering import json_response

if TYPE_CHECKING:
    from starlette.responses import Response


class RateLimit:
    """A token bucket for all requests of the API.

    :param requests_per_second: how many requests are handled per second; as many, at least one, at once.
    """

    def __init__(self, requests_per_second: float) -> None:
        self._rate = requests_per_second
        self._capacity = max(requests_per_second, 1.0)
        self._tokens = self._capacity
        self._updated_at = time.monotonic()

    def reject(self) -> Response | None:
        """Take a token and return None, or return the response of a request that exceeds the limit."""
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._updated_at) * self._rate, self._capacity)
        self._updated_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        response = json_response(
            {"message": "Rate limit exceeded", "error": "Too Many Requests", "statusCode": 429}, status=429
        )
        response.headers["Retry-After"] = str(math.ceil((1 - self._tokens) / self._rate))
        return response
