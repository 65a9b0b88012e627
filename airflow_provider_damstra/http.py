"""What goes over the wire, as values: a request without host and key, and an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping


_AT_MOST = 366 * 86400.0
"""Seconds; a server that asks for more asks for nothing that can be reckoned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, without host and key.

    :param operation: the operation's name, for messages and metrics.
    :param path: the path below the API's base address, such as ``/user/7``.
    :param query: names and texts, in the order of the endpoint's fields.
    :param body: the JSON body, or None for none. It may hold a password: it is not part of the repr.
    :param response_is_secret: whether the answer must not be shown in a log or an error.
    """

    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    response_is_secret: bool = False

    def __str__(self) -> str:
        """Return operation, method and path with Damstra's own ids; the rest may be personal data."""
        ids = [f"{name}={value}" for name, value in self.query if name.endswith("Id") and name != "empId"]
        return f"{self.operation} ({self.method} {self.path}{'?' if ids else ''}{'&'.join(ids)})"

    @property
    def target(self) -> str:
        """Return path and query text as they go on the wire, the same on both faces."""
        return f"{self.path}?{urlencode(self.query, quote_via=quote, safe=',')}" if self.query else self.path

    @property
    def content(self) -> bytes | None:
        """Return the body as bytes, or None for none."""
        return None if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def is_write(self) -> bool:
        """Return whether the request does more than read."""
        return self.method != "GET"

    @property
    def is_idempotent(self) -> bool:
        """Return whether sending it twice is the same as sending it once, by its method."""
        return self.method in ("GET", "PUT")


@dataclass(frozen=True, kw_only=True)
class Response:
    """One HTTP answer. ``headers`` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Return whether the status says so (2xx)."""
        return 200 <= self.status < 300

    @property
    def is_html(self) -> bool:
        """Return whether a web page came, as proxies send it, instead of an answer of the API."""
        return self.body.lstrip()[:1] == b"<"

    @cached_property
    def text(self) -> str:
        """Return the body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")

    @property
    def retry_after(self) -> float | None:
        """Return the seconds that ``Retry-After`` (seconds or an HTTP date) asks to wait, or None."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value), _AT_MOST)
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - datetime.now(UTC)) / timedelta(seconds=1), 0.0)
