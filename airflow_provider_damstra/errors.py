"""The exceptions of the provider, their creation from HTTP responses, and their classification for retries.

Free of Airflow and cheap to import: the retry policy uses it in DAG files.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.http import Request, Response


class DamstraError(Exception):
    """A call to Damstra Learning failed.

    :param message: the operation, the ids, the server's reason and advice. Control characters, which a server
        may have sent, are escaped.
    :param request: the request that failed, or None if nothing was sent.
    :param status: HTTP status of the response, or None without a response.
    :param internal_code: the vendor's error code (``internalCode``), or None.
    :param retry_after: seconds to wait, as requested by the server, or None.
    :param is_from_proxy: whether the response is not in Damstra's format and may be a proxy's.
    :ivar is_transient: whether the same request can succeed if it is repeated shortly after.
    """

    advice = ""
    is_transient = False
    _may_be_applied = False

    def __init__(
        self,
        message: str,
        *,
        request: Request | None = None,
        status: int | None = None,
        internal_code: int | None = None,
        retry_after: float | None = None,
        is_from_proxy: bool = False,
    ) -> None:
        super().__init__(escape_unprintable(message))
        self.request = request
        self.status = status
        self.internal_code = internal_code
        self.retry_after = retry_after
        self.is_from_proxy = is_from_proxy

    @property
    def outcome_unknown(self) -> bool:
        """Return whether the request is a write that the server may have applied although the call failed."""
        return self._may_be_applied and (self.request is None or self.request.is_write)


class DamstraConfigurationError(DamstraError, ValueError):
    """The Airflow connection is missing or invalid; nothing was sent."""


class DamstraAuthError(DamstraError):
    """The access key is missing, wrong or regenerated (806)."""

    advice = "Check the connection's access key; regenerating a key in Damstra ends the old one."


class DamstraPermissionError(DamstraError):
    """The access key is valid, but lacks the permission for this call (831)."""

    advice = (
        "The key's account lacks the permission, or the subscription does not include this part of the API."
    )


class DamstraNotFoundError(DamstraError):
    """An object of the request does not exist (840, 842, 404)."""

    advice = "Check the id."


class DamstraConflictError(DamstraError):
    """The object exists already, or is completed or cancelled (already exists, 836, 837)."""


class DamstraRequestError(DamstraError):
    """The server refused the request (another 4xx)."""


class DamstraRateLimitError(DamstraError):
    """Too many requests (429); the request was not applied."""

    advice = "Lower requests_per_second or max_concurrency in the connection's extra."
    is_transient = True


class DamstraServerError(DamstraError):
    """The server failed (5xx, or internal code 500)."""

    advice = "Damstra has a problem; try again later."
    is_transient = True
    _may_be_applied = True


class DamstraTransportError(DamstraError):
    """There is no response: the connection failed, timed out or was lost.

    :param was_sent: whether the request may have reached the server.
    :param is_transient: False for an untrusted certificate.
    """

    def __init__(
        self, message: str, *, was_sent: bool = True, is_transient: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(message, **kwargs)
        self.was_sent = was_sent
        self.is_transient = is_transient
        self._may_be_applied = was_sent


class DamstraResponseError(DamstraError):
    """The response cannot be read: truncated, not JSON, of an unexpected shape, or a redirect.

    :param is_transient: True for a truncated body.
    """

    _may_be_applied = True

    def __init__(self, message: str, *, is_transient: bool = False, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.is_transient = is_transient


# Precedence: internal code, then text, then status. The API's documentation omits the statuses, some of its
# error bodies have no code and one of them is not valid JSON.
_BY_CODE: dict[int, type[DamstraError]] = {
    806: DamstraAuthError,
    831: DamstraPermissionError,
    836: DamstraConflictError,
    837: DamstraConflictError,
    840: DamstraNotFoundError,
    842: DamstraNotFoundError,
    429: DamstraRateLimitError,
    500: DamstraServerError,
}
_BY_TEXT: tuple[tuple[re.Pattern[str], type[DamstraError]], ...] = (
    (re.compile(r"access ?key|security token|token not valid", re.I), DamstraAuthError),
    (re.compile(r"not authori[sz]ed", re.I), DamstraPermissionError),
    (re.compile(r"already exists|schedule is (completed|cancelled)", re.I), DamstraConflictError),
    (re.compile(r"no \w+ found|not found|does not exist", re.I), DamstraNotFoundError),
    (re.compile(r"internal server error", re.I), DamstraServerError),
)
_BY_STATUS: dict[int, type[DamstraError]] = {
    401: DamstraAuthError,
    403: DamstraPermissionError,
    404: DamstraNotFoundError,
    409: DamstraConflictError,
    429: DamstraRateLimitError,
}
_EXCERPT_LENGTH = 300
MAX_ERROR_BODY_BYTES = 1 << 20
"""Larger bodies are not read as an error: they are pages, or not from Damstra."""

_MAX_DIGITS = 18


def error_from_response(request: Request, response: Response) -> DamstraError | None:
    """Return the exception for an error response or redirect, or None for a success."""
    if 300 <= response.status < 400:
        return _redirect(request, response)
    body = parse_error_body(response)
    if response.is_success and body is None:
        return None
    error_class = _error_class(response, body)
    return error_class(
        _message(request, response, body, error_class),
        request=request,
        status=response.status,
        internal_code=_int_field(body, "internalCode"),
        retry_after=response.retry_after,
        is_from_proxy=body is None and (response.is_html or _by_text(response) is None),
    )


def parse_error_body(response: Response) -> dict[str, Any] | None:
    """Return the body if it is an error body of Damstra, else None.

    A 2xx response with an error body is an error: the documentation does not list the statuses of errors.
    """
    if response.is_success and not mentions_error(response):
        return None
    if len(response.body) > MAX_ERROR_BODY_BYTES:
        return None
    try:
        body = decode_leniently(_load_json, response.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not ({"error", "internalCode", "statusCode"} & body.keys()):
        return None
    return None if response.is_success and ({"id", "results"} & body.keys()) else body


def mentions_error(response: Response) -> bool:
    """Return whether a body contains a member name of error bodies; data may contain it, too."""
    return b'"error"' in response.body or b'"internalCode"' in response.body


def _parse_int(digits: str) -> int | None:
    """Return None for a number with more digits than any code or id has: Python refuses thousands of them."""
    return int(digits) if len(digits) <= _MAX_DIGITS else None


_load_json: Callable[[bytes], Any] = partial(json.loads, parse_int=_parse_int)


def _error_class(response: Response, body: dict[str, Any] | None) -> type[DamstraError]:
    if response.status == 429:
        return DamstraRateLimitError
    by_code = _BY_CODE.get(_int_field(body, "internalCode") or 0)
    by_text = None if body is None and response.is_html else _by_text(response)
    status = _int_field(body, "statusCode") or response.status
    by_status = DamstraServerError if status >= 500 else _BY_STATUS.get(status, DamstraRequestError)
    return by_code or by_text or by_status


def _by_text(response: Response) -> type[DamstraError] | None:
    text = response.excerpt(MAX_ERROR_BODY_BYTES)
    return next((kind for pattern, kind in _BY_TEXT if pattern.search(text)), None)


def _int_field(body: dict[str, Any] | None, name: str) -> int | None:
    value = (body or {}).get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return _parse_int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _message(
    request: Request, response: Response, body: dict[str, Any] | None, error_class: type[DamstraError]
) -> str:
    reason = _excerpt(response)
    if body:
        texts = [body.get(name) for name in ("message", "reason", "error")]
        reason = " - ".join(text for text in texts if text and isinstance(text, str)) or "no reason given"
        reason = _shorten(reason)
    code = _int_field(body, "internalCode")
    numbers = f"HTTP {response.status}" + (f", code {code}" if code else "")
    advice = error_class.advice
    if body is None and error_class in (DamstraNotFoundError, DamstraPermissionError, DamstraAuthError):
        advice = "The response is not Damstra's: check the connection's host, and any proxy before it."
    if body is None and response.proxy:
        advice = f"The response may be one of the proxy {response.proxy}, which http_proxy names."
    return f"{request} failed ({numbers}): {reason.rstrip('.')}. {advice}".rstrip()


def invalid_response(request: Request, response: Response, reason: str) -> DamstraResponseError:
    """Return the error for a successful response that cannot be read.

    :param reason: pydantic's or msgspec's message; it shows whether the body is truncated.
    """
    is_secret = request.response_is_secret
    excerpt = "it is not shown, because it contains a secret" if is_secret else _excerpt(response)
    return DamstraResponseError(
        f"{request} returned HTTP {response.status}, but the response cannot be read ({reason}): {excerpt}",
        request=request,
        status=response.status,
        is_transient="EOF while parsing" in reason or "truncated" in reason,
    )


def _excerpt(response: Response) -> str:
    """Return the beginning of a response's body as one line for messages."""
    text = _shorten(response.excerpt(10 * _EXCERPT_LENGTH))
    return repr(text) if text else "the response is empty"


def _shorten(text: str) -> str:
    """Return the beginning of a text that a server sent, on one line."""
    text = " ".join(text[: 10 * _EXCERPT_LENGTH].split())
    return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "..."


def _redirect(request: Request, response: Response) -> DamstraResponseError:
    target = _shorten(response.headers.get("location", "nowhere").split("?")[0])
    return DamstraResponseError(
        f"{request} was redirected (HTTP {response.status}) to {target}. Redirects are not "
        "followed, so that the access key stays with the host it belongs to: correct the connection's host.",
        request=request,
        status=response.status,
    )


def is_retryable(error: BaseException) -> bool:
    """Return whether a client may resend the request without the risk of applying it twice.

    A request that was refused (429) or never sent can be resent; after a server error, a lost connection or a
    truncated response only GET and PUT. See ``clients.client.Client`` for the complete retry rules.
    """
    if not isinstance(error, DamstraError) or not error.is_transient:
        return False
    return not error._may_be_applied or (error.request is not None and error.request.is_idempotent)


def is_permanent(error: DamstraError) -> bool:
    """Return whether a retry of the task is useless: the call fails until an argument or a setting changes.

    An error without a request was raised by this provider before anything was sent.
    """
    if isinstance(error, DamstraTransportError):
        return not error.is_transient
    return error.request is None or affects_every_call(error) or type(error) is DamstraRequestError


def affects_every_call(error: DamstraError) -> bool:
    """Return whether an error affects every call of the connection, regardless of its arguments."""
    return isinstance(error, (DamstraConfigurationError, DamstraAuthError, DamstraPermissionError))
