"""Transport adapter of requests that skips interim responses, such as 103 Early Hints."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from http.client import BadStatusLine, HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter

_MAX_INTERIM_RESPONSES = 100


class _FinalResponse(HTTPResponse):
    """A response before which any interim ones are skipped: http.client skips only 100 Continue."""

    interim_count = 0

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if not 100 <= status < 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
            return version, status, reason
        self.interim_count += 1
        if self.interim_count > _MAX_INTERIM_RESPONSES:
            # http.client would read them without end.
            raise BadStatusLine("too many interim responses")
        return version, HTTPStatus.CONTINUE, reason


class FinalResponseAdapter(HTTPAdapter):
    """Return final responses only."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a connection pool whose connections read final responses."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if pool.ConnectionCls.response_class is not _FinalResponse:
            pool.ConnectionCls = _final_response_connection(pool.ConnectionCls)
        return pool


@cache
def _final_response_connection(connection: type) -> type:
    return type(connection.__name__, (connection,), {"response_class": _FinalResponse})
