"""What can go wrong: the exception tree, an answer's way into it, and what is worth another try."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request, Response


class DamstraError(Exception):
    """A call to Damstra Learning failed.

    :param message: what was tried, on whom, what the server said and what to do.
    :param request: the request that failed, or None where there was none.
    :param status: the HTTP status of the answer, or None where there was no answer.
    :param internal_code: the vendor's own number of the error (``internalCode``), or None.
    :param retry_after: seconds the server asked to wait, or None.
    :param is_from_proxy: whether the answer does not look like Damstra's: a proxy may have given it.
    """

    advice = ""

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
        super().__init__(message)
        self.request = request
        self.status = status
        self.internal_code = internal_code
        self.retry_after = retry_after
        self.is_from_proxy = is_from_proxy

    @property
    def outcome_unknown(self) -> bool:
        """Return whether the server may have done what was asked although the call failed."""
        return False


class DamstraConfigurationError(DamstraError, ValueError):
    """The Airflow connection cannot be used as it is written; nothing was sent."""


class DamstraAuthError(DamstraError):
    """The access key is missing, wrong or regenerated (806)."""

    advice = "Check the connection's access key; regenerating a key in Damstra ends the old one."


class DamstraPermissionError(DamstraError):
    """The access key is right, but may not do this (831)."""

    advice = (
        "The key's account lacks the permission, or the subscription does not include this part of the API."
    )


class DamstraNotFoundError(DamstraError):
    """What the request names does not exist (840, 842, 404)."""

    advice = "Check the id."


class DamstraConflictError(DamstraError):
    """What the request asks for exists already, or is over (already exists, 836, 837)."""


class DamstraRequestError(DamstraError):
    """The server refused the request (another 4xx)."""


class DamstraRateLimitError(DamstraError):
    """The server asks to slow down (429); the request was not carried out."""

    advice = "Lower requests_per_second or max_concurrency in the connection's extra."


class DamstraServerError(DamstraError):
    """The server failed (5xx, or internal code 500)."""

    advice = "Damstra has a problem; try again later."

    @property
    def outcome_unknown(self) -> bool:
        """Return whether the request changes something: the server may have failed after doing it."""
        return self.request is None or self.request.is_write


class DamstraTransportError(DamstraError):
    """No answer came: no connection, a time-out, or a connection that broke.

    :param was_sent: whether the request may have reached the server.
    :param is_transient: whether another try can help (it cannot when a certificate is refused).
    """

    def __init__(
        self, message: str, *, was_sent: bool = True, is_transient: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(message, **kwargs)
        self.was_sent = was_sent
        self.is_transient = is_transient

    @property
    def outcome_unknown(self) -> bool:
        """Return whether the request changes something and may have reached the server."""
        return self.was_sent and (self.request is None or self.request.is_write)


class DamstraResponseError(DamstraError):
    """An answer came that cannot be read: truncated, not JSON, of another shape, or a redirect.

    :param is_truncated: whether the answer broke off, so that asking again can help.
    """

    def __init__(self, message: str, *, is_truncated: bool = False, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.is_truncated = is_truncated

    @property
    def outcome_unknown(self) -> bool:
        """Return whether the request changes something: the server answered, if unreadably."""
        return self.request is None or self.request.is_write


# First the vendor's numbers, then what its texts say, then the status: the page that documents the API lost
# the statuses, some of its bodies have no number and one of them is not even JSON.
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
_QUOTED = 300


def error_from_response(request: Request, response: Response) -> DamstraError | None:
    """Return the error that an answer is, or None if it is a success."""
    if 300 <= response.status < 400:
        return _redirect(request, response)
    body = parse_error_body(response)
    if response.is_success and body is None:
        return None
    kind = _kind(response, body)
    return kind(
        _message(request, response, body, kind),
        request=request,
        status=response.status,
        internal_code=_number(body, "internalCode"),
        retry_after=response.retry_after,
        is_from_proxy=body is None and (response.is_html or _by_text(response) is None),
    )


def parse_error_body(response: Response) -> dict[str, Any] | None:
    """Return the body if it is one of Damstra's error bodies, else None.

    A success whose body carries an error is one too: the page does not say which statuses errors have.
    """
    if response.is_success and b'"error"' not in response.body and b'"internalCode"' not in response.body:
        return None
    try:
        body = json.loads(response.body)
    except ValueError:
        return None
    if not isinstance(body, dict) or not ({"error", "internalCode", "statusCode"} & body.keys()):
        return None
    return None if response.is_success and ({"id", "results"} & body.keys()) else body


def _kind(response: Response, body: dict[str, Any] | None) -> type[DamstraError]:
    if response.status == 429:
        return DamstraRateLimitError
    by_code = _BY_CODE.get(_number(body, "internalCode") or 0)
    if by_code:
        return by_code
    by_text = _by_text(response) if body is not None or not response.is_html else None
    if by_text:
        return by_text
    status = _number(body, "statusCode") or response.status
    if status >= 500:
        return DamstraServerError
    return _BY_STATUS.get(status, DamstraRequestError)


def _by_text(response: Response) -> type[DamstraError] | None:
    return next((kind for pattern, kind in _BY_TEXT if pattern.search(response.text)), None)


def _number(body: dict[str, Any] | None, member: str) -> int | None:
    value = (body or {}).get(member)
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _message(
    request: Request, response: Response, body: dict[str, Any] | None, kind: type[DamstraError]
) -> str:
    said = " - ".join(_reasons(body)) if body else response_excerpt(response)
    code = _number(body, "internalCode")
    numbers = f"HTTP {response.status}" + (f", code {code}" if code else "")
    advice = kind.advice
    if body is None and kind in (DamstraNotFoundError, DamstraPermissionError, DamstraAuthError):
        advice = "The answer is not one of Damstra's: check the connection's host, and any proxy before it."
    return f"{request} failed ({numbers}): {said.rstrip('.')}. {advice}".rstrip()


def _reasons(body: dict[str, Any]) -> list[str]:
    texts = (body.get(member) for member in ("message", "reason", "error"))
    return [text for text in texts if isinstance(text, str) and text] or ["no reason given"]


def invalid_response(request: Request, response: Response, why: str) -> DamstraResponseError:
    """Return the error for a success that cannot be read."""
    said = (
        "it is not shown, for it holds a secret" if request.response_is_secret else response_excerpt(response)
    )
    return DamstraResponseError(
        f"{request} answered HTTP {response.status}, but the answer cannot be read ({why}): {said}",
        request=request,
        status=response.status,
        # As pydantic and msgspec say it.
        is_truncated="EOF while parsing" in why or "truncated" in why,
    )


def response_excerpt(response: Response) -> str:
    """Return the beginning of an answer's text in one line, fit for a log."""
    text = " ".join(response.text.split())
    if not text:
        return "the answer is empty"
    return repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "...")


def _redirect(request: Request, response: Response) -> DamstraResponseError:
    target = response.headers.get("location", "nowhere")
    return DamstraResponseError(
        f"{request} was redirected (HTTP {response.status}) to {target.split('?')[0]}. Redirects are not "
        "followed, so that the access key stays with the host it belongs to: correct the connection's host.",
        request=request,
        status=response.status,
    )


def is_retryable(error: BaseException) -> bool:
    """Return whether the same request can be sent again at once without doing anything twice.

    A request that was refused (429) or never left can; any other only if it is idempotent by its method.
    """
    if isinstance(error, DamstraRateLimitError):
        return True
    if isinstance(error, DamstraTransportError) and not error.is_transient:
        return False
    if isinstance(error, DamstraTransportError) and not error.was_sent:
        return True
    is_transient = isinstance(error, (DamstraServerError, DamstraTransportError)) or (
        isinstance(error, DamstraResponseError) and error.is_truncated
    )
    return is_transient and isinstance(error, DamstraError) and _is_idempotent(error)


def _is_idempotent(error: DamstraError) -> bool:
    return error.request is not None and error.request.is_idempotent


def is_permanent(error: DamstraError) -> bool:
    """Return whether retrying is useless: the same call fails again until a person changes something.

    What has no request was refused by this provider itself.
    """
    if isinstance(error, DamstraTransportError):
        return not error.is_transient
    if error.request is None or affects_every_call(error):
        return True
    return type(error) is DamstraRequestError


def affects_every_call(error: DamstraError) -> bool:
    """Return whether an error has nothing to do with whom the call was about."""
    return isinstance(error, (DamstraConfigurationError, DamstraAuthError, DamstraPermissionError))
