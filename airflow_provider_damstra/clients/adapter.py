"""Transport adapter of requests that skips interim responses, such as 103 Early Hints."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from requests.adapters import HTTPAdapter

_MAX_INTERIM_RESPONSES = 100


class FinalResponseAdapter(HTTPAdapter):
    """Return final responses only. Below requests, http.client skips only 100 Continue, without end."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a connection pool whose connections read final responses."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not hasattr(pool.ConnectionCls.response_class, "interim_count"):
            pool.ConnectionCls = _final_response_connection(pool.ConnectionCls)
        return pool


@cache
def _final_response_connection(connection: Any) -> type:
    """Return a subclass of a connection class of urllib3 that has another class of responses."""

    class FinalResponse(connection.response_class):  # type: ignore[misc]
        interim_count = 0

        def _read_status(self) -> tuple[str, int, str]:
            version, status, reason = super()._read_status()
            if not 100 <= status < 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            self.interim_count += 1
            if self.interim_count > _MAX_INTERIM_RESPONSES:
                raise ConnectionError("too many interim responses")
            # The caller reads the headers, and then the next status.
            return version, HTTPStatus.CONTINUE, reason

    return type(connection.__name__, (connection,), {"response_class": FinalResponse})
