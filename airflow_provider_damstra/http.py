"""HTTP requests and responses as values, independent of the HTTP library."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

_MAX_LEADING_BYTES = 4096
"""Bytes in which the first character of a body that is not white space is looked for."""

_MAX_RETRY_AFTER = 86400.0
"""Seconds: a quota may be one of a day. A longer wait is an error of the server, and may overflow a date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request to the API, without host and access key.

    :param operation: name of the endpoint class, for messages and metrics.
    :param path: the path below the API's base URL, such as ``/user/7``.
    :param query: names and values, in the order of the endpoint's fields.
    :param body: the JSON body, or None. It may contain a password: it is not part of the repr.
    :param response_is_secret: whether the response must not be shown in a log or an error.
    :param idempotency_key: value of the header by which the server recognises a repetition, or None.
    """

    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    response_is_secret: bool = False
    idempotency_key: str | None = None

    def __str__(self) -> str:
        """Return operation, method, path and ids of the query; other query values may be personal data."""
        ids = [f"{name}={value}" for name, value in self.query if name.endswith("Id") and name != "empId"]
        return f"{self.operation} ({self.method} {self.path}{'?' if ids else ''}{'&'.join(ids)})"

    @property
    def target(self) -> str:
        """Return the request target: path and encoded query, the same for both clients."""
        return f"{self.path}?{urlencode(self.query, quote_via=quote, safe=',')}" if self.query else self.path

    @property
    def content(self) -> bytes | None:
        """Return the JSON body as bytes, or None."""
        return None if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def is_write(self) -> bool:
        """Return whether the request may change data."""
        return self.method != "GET"

    @property
    def is_idempotent(self) -> bool:
        """Return whether sending the request twice has the effect of sending it once.

        It has by its HTTP method, or because the server recognises the repetition.
        """
        return self.method in ("GET", "PUT") or self.idempotency_key is not None


@dataclass(frozen=True, kw_only=True)
class Response:
    """One HTTP response.

    :param headers: by lower-case names.
    :param proxy: host and port of the proxy that may have sent the response itself, or None.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    proxy: str | None = None

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_html(self) -> bool:
        """Return whether the body is a web page, as a proxy or a login page sends it, and not the API."""
        return self.body[:_MAX_LEADING_BYTES].removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<"

    @cached_property
    def text(self) -> str:
        """Return the body as text without a byte order mark; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8-sig", errors="replace")

    def excerpt(self, size: int) -> str:
        """Return the beginning of the body as text.

        :param size: bytes to read: the text of a hostile body would need a multiple of its size in memory.
        """
        return self.body[:size].decode("utf-8-sig", errors="replace")

    @property
    def retry_after(self) -> float | None:
        """Return the value of ``Retry-After`` (seconds or an HTTP date) in seconds, or None."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value), _MAX_RETRY_AFTER)
        try:
            retry_at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        retry_at = retry_at if retry_at.tzinfo else retry_at.replace(tzinfo=UTC)
        seconds = (retry_at - datetime.now(UTC)) / timedelta(seconds=1)
        return min(max(seconds, 0.0), _MAX_RETRY_AFTER)
