"""An HTTP endpoint that completions are sent to, on requests."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote, urlsplit

from requests.auth import HTTPBasicAuth
from requests.exceptions import BaseHTTPError  # type: ignore[attr-defined] # the stubs do not export it
from tenacity import Retrying

from airflow_provider_damstra import __version__
from airflow_provider_damstra.addresses import host_and_port
from airflow_provider_damstra.clients.base import retry_options
from airflow_provider_damstra.clients.body import ACCEPTED_ENCODINGS, BODY_ERRORS, BodyReader
from airflow_provider_damstra.clients.environment import proxy_for, validate_ca_bundle
from airflow_provider_damstra.clients.session import create_session, read_body
from airflow_provider_damstra.clients.transport_errors import response_timeout, transport_error
from airflow_provider_damstra.http import Request, Response
from airflow_provider_damstra.text import escape_unprintable

if TYPE_CHECKING:
    import requests

    from airflow_provider_damstra.exports.completions.completion import Completion

BodyFormat = Literal["json", "multipart"]

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid")
"""Response headers by which the receiver finds a request in its log, in lower case."""

_HARMLESS_HEADERS = ("accept", "accept-language", "user-agent")
_MAX_REQUEST_ID_LENGTH = 200
_EXCERPT_LENGTH = 300
_MIN_DISTINCT_LENGTH = 4
_ANY_ERROR_STATUS = 400
_MAY_SUCCEED_LATER = (408, 409, 425, 429)
"""4xx with which a retry of the task may succeed; 409 also stands for a request that is in progress."""

_ABOUT_COMPLETION = (400, 409, 413, 422)
"""4xx for what was sent; the others concern the address or the login, and therefore every completion."""


class DeliveryError(Exception):
    """A completion was not accepted by the endpoint, or it is not known whether it was.

    :param is_transient: whether the same request can succeed shortly after.
    :param is_permanent: whether also a retry of the task is useless.
    :param concerns_others: whether other completions would fail, too.
    :param retry_after: seconds to wait, as requested by the server, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        is_transient: bool,
        is_permanent: bool,
        concerns_others: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(escape_unprintable(message))
        self.is_transient = is_transient
        self.is_permanent = is_permanent
        self.concerns_others = concerns_others
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Address, login and limits of an endpoint.

    :param headers: sent with each request; they may be secrets.
    :param auth: user name and password for basic authentication, or None.
    :param timeout: seconds to connect, and seconds between two reads.
    :param verify: a CA bundle's path, False, or True for the default bundle.
    :param cert: path of the client's certificate, or the paths of certificate and key.
    :param max_retries: attempts after the first.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    timeout: float = 30.0
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    max_retries: int = 4
    max_response_bytes: int = 64 * 1024

    @property
    def host(self) -> str:
        """Return host and port for messages."""
        return host_and_port(self.url)

    @property
    def address(self) -> str:
        """Return the URL without its query, which may contain a secret."""
        return self.url.partition("?")[0]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must not be in a log: the password, also as it is sent, and the values of headers."""
        headers = [value for name, value in self.headers.items() if name.lower() not in _HARMLESS_HEADERS]
        if self.auth is None:
            return tuple(headers)
        encoded = base64.b64encode(":".join(self.auth).encode()).decode()
        return (*headers, *filter(None, self.auth[1:]), encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What the receipt of a delivery contains of the response.

    :param request_id: the header by which the receiver finds the request in its log, or None.
    :param body_sha256: SHA-256 of the first 64 KiB of the body.
    """

    status: int
    request_id: str | None
    body_sha256: str


class HttpEndpoint:
    """Send completions, each with its ``Idempotency-Key``; threads may share it. A context manager.

    A completion is accepted with the status 2xx. It is sent again after 429, 5xx, and without a response:
    after ``Retry-After`` or an exponential backoff, and not if a wait of more than a minute is requested.
    Redirects are not followed and cookies are not kept.

    :param body_format: ``multipart`` is ``multipart/form-data`` with the part ``completion`` (JSON), and the
        part ``certificate`` (PDF) if the test was passed; ``json`` has the certificate in Base64.
    :param include_certificate: whether the certificate is sent.
    :param pool_size: concurrent requests.
    :param sleep: waits between two attempts; for tests.
    :raises DamstraConfigurationError: if the CA bundle or the environment's proxy cannot be used.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        body_format: BodyFormat,
        include_certificate: bool,
        pool_size: int,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.settings = settings
        self._body_format = body_format
        self._include_certificate = include_certificate
        self._proxy = proxy_for(settings.url, supports_socks=True)
        if settings.url.startswith("https:"):
            validate_ca_bundle(settings.verify)
        self._session = create_session(verify=settings.verify, proxy=self._proxy, pool_size=pool_size)
        self._session.headers.update(
            {
                "Accept": "application/json, */*;q=0.5",
                "Accept-Encoding": ACCEPTED_ENCODINGS,
                "User-Agent": f"airflow-provider-damstra/{__version__}",
                **settings.headers,
            }
        )
        self._session.cert = settings.cert
        if settings.auth:
            # Bytes, because requests encodes texts as Latin-1.
            self._session.auth = HTTPBasicAuth(*(part.encode() for part in settings.auth))
        self._retry_options = retry_options(max_retries=settings.max_retries, is_retryable=_is_transient)
        if sleep:
            self._retry_options["sleep"] = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(self, completion: Completion, *, key: str) -> Accepted:
        """Send a completion.

        :param key: its idempotency key.
        :raises DeliveryError: if it is not accepted.
        """
        accepted: Accepted = Retrying(**self._retry_options)(partial(self._send_once, completion, key))
        return accepted

    def _send_once(self, completion: Completion, key: str) -> Accepted:
        request = Request(
            operation=f"Delivery of lesson schedule {completion.lesson_schedule_id}",
            method="POST",
            path=urlsplit(self.settings.url).path or "/",
            idempotency_key=key,
        )
        failure = None
        try:
            with self._session.post(
                self.settings.url,
                headers={"Idempotency-Key": key},
                timeout=self.settings.timeout,
                stream=True,
                **self._body(completion),
            ) as received:
                response = self._read(received)
        except (OSError, BaseHTTPError) as error:
            proxy = host_and_port(self._proxy) if self._proxy else None
            failure = transport_error(request, error, self.settings, proxy=proxy, has_response=False)
        if failure:
            # Not in the except block: the library's exception, which may show a secret, would be its context.
            raise DeliveryError(
                str(failure), is_transient=failure.is_transient, is_permanent=not failure.is_transient
            )
        if not response.is_success:
            raise _refusal(request, response, self._redacted(response.body, completion))
        return Accepted(
            status=response.status,
            request_id=_request_id(response),
            body_sha256=hashlib.sha256(response.body).hexdigest(),
        )

    def _body(self, completion: Completion) -> dict[str, Any]:
        """Return the arguments of requests for the body."""
        fields = completion.to_json()
        if self._body_format == "json":
            if self._include_certificate:
                fields["certificate"] = completion.certificate_json()
            return {"json": fields}
        parts: dict[str, Any] = {
            "completion": (None, json.dumps(fields, ensure_ascii=False).encode(), "application/json")
        }
        if self._include_certificate and completion.certificate is not None:
            parts["certificate"] = (completion.certificate_name, completion.certificate, "application/pdf")
        return {"files": parts}

    def _read(self, received: requests.Response) -> Response:
        """Return the response with the beginning of its body: the status alone decides."""
        headers = {name.lower(): value for name, value in received.headers.items()}
        # As that of an error, of which the rest is left out if it is too large.
        reader = BodyReader(_ANY_ERROR_STATUS, received.headers, max_bytes=self.settings.max_response_bytes)
        try:
            body = read_body(received, reader, seconds=response_timeout(self.settings))
        except (OSError, BaseHTTPError, *BODY_ERRORS):
            body = b""
        return Response(status=received.status_code, headers=headers, body=body)

    def _redacted(self, body: bytes, completion: Completion) -> str:
        """Return the beginning of a body on one line, without secrets and without data about the person."""
        text = unescape(body[: 10 * _EXCERPT_LENGTH].decode(errors="replace"))
        values = (*self.settings.secrets, *completion.personal_values)
        text = " ".join(_redact(text, values).split()).rstrip(".") or "the response is empty"
        return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "..."


def _redact(text: str, values: Iterable[str]) -> str:
    """Return a text with ``***`` instead of some values, regardless of case."""
    # JSON and URLs may have some characters as escapes.
    forms = {form for value in values for form in (value, json.dumps(value)[1:-1], quote(value))}
    # A short one may be a part of other words.
    patterns = [
        re.escape(form) if len(form) >= _MIN_DISTINCT_LENGTH else rf"(?<!\w){re.escape(form)}(?!\w)"
        for form in sorted(forms, key=len, reverse=True)
    ]
    return re.sub("|".join(patterns), "***", text, flags=re.IGNORECASE) if patterns else text


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, DeliveryError) and error.is_transient


def _refusal(request: Request, response: Response, excerpt: str) -> DeliveryError:
    """Return the error for a response that is no success."""
    status = response.status
    if 300 <= status < 400:
        target = response.headers.get("location", "nowhere").partition("?")[0][:_EXCERPT_LENGTH]
        return DeliveryError(
            f"{request} was redirected (HTTP {status}) to {target}. Redirects are not followed, so that the "
            "login stays with the host it belongs to: correct the connection's host or the endpoint.",
            is_transient=False,
            is_permanent=True,
        )
    advice = " Check login, password and headers of the HTTP connection." if status in (401, 403) else ""
    return DeliveryError(
        f"{request} was not accepted (HTTP {status}): {excerpt}.{advice}",
        is_transient=status == 429 or status >= 500,
        is_permanent=status < 500 and status not in _MAY_SUCCEED_LATER,
        concerns_others=status not in _ABOUT_COMPLETION,
        retry_after=response.retry_after,
    )


def _request_id(response: Response) -> str | None:
    values = (response.headers.get(name) for name in _REQUEST_ID_HEADERS)
    found = next(filter(None, values), None)
    return found and escape_unprintable(found)[:_MAX_REQUEST_ID_LENGTH]
