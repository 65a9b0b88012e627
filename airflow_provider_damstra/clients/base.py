"""Base class of both clients: headers, URLs, the decision to retry, redaction of responses, observation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tenacity import RetryCallState, retry_if_exception, wait_random_exponential

from airflow_provider_damstra import __version__
from airflow_provider_damstra.addresses import host_and_port
from airflow_provider_damstra.clients.body import ACCEPTED_ENCODINGS, BodyReader
from airflow_provider_damstra.clients.environment import proxy_for
from airflow_provider_damstra.clients.rate_limiter import rate_limiter_for
from airflow_provider_damstra.errors import is_retryable, parse_error_body
from airflow_provider_damstra.http import Request, Response
from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.pagination import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.models.base import Page

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)

Observer = Callable[[Request, int | None, float], None]
"""Called after each request with the HTTP status, or None without a response, and the seconds it took."""

MAX_RETRY_WAIT = 60.0
"""Seconds between two attempts at most: a server that requests a longer wait is left to Airflow's retries."""

_MIN_REDACTED_KEY_LENGTH = 8

log = logging.getLogger(__name__)
_backoff = wait_random_exponential(multiplier=0.5, max=MAX_RETRY_WAIT)


class SupportsCalls(Protocol):
    """Interface that ``Client``, ``DamstraHook`` and the operators' ``RecordingClient`` have in common."""

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation."""

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of a listing."""


class BaseClient:
    """State and decisions common to ``Client`` and ``AsyncClient``; performs no I/O.

    :param settings: address, key and limits.
    :param observe: called after each request.
    :raises DamstraConfigurationError: if the environment's proxy cannot be used.
    """

    supports_socks = False
    """Whether the HTTP library can use SOCKS proxies."""

    def __init__(self, settings: ClientSettings, *, observe: Observer | None = None) -> None:
        self.settings = settings
        self._proxy = proxy_for(settings.base_url, supports_socks=self.supports_socks)
        self._proxy_address = host_and_port(self._proxy) if self._proxy else None
        self._observe = observe
        self._rate_limiter = rate_limiter_for(settings)
        self._access_key = settings.access_key.get_secret_value()
        self._headers = {
            "AccessKey": self._access_key,
            "Accept": "application/json, application/pdf;q=0.9, */*;q=0.5",
            "Accept-Encoding": ACCEPTED_ENCODINGS,
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-damstra/{__version__}",
        }
        self._known_methods: dict[type, str] = {}

    def _request(self, endpoint: Endpoint[Any]) -> Request:
        return endpoint.request(method=self._known_methods.get(type(endpoint)))

    def _fallback_request(
        self, endpoint: Endpoint[Any], request: Request, response: Response
    ) -> Request | None:
        """Return the request with the endpoint's fallback method if the server lacks the documented one."""
        method = endpoint.fallback_method
        if method in (None, request.method) or not _is_method_missing(response):
            return None
        return endpoint.request(method=method)

    def _remember_method(self, endpoint: Endpoint[Any], request: Request, response: Response) -> None:
        if not _is_method_missing(response):
            self._known_methods[type(endpoint)] = request.method

    @staticmethod
    def _read_page(
        endpoint: ListEndpoint[Row], request: Request, response: Response, reader: PageReader | None
    ) -> Page[Row]:
        if reader is None:
            return endpoint.read(request, response)
        page: Page[Row] = reader.read(endpoint, request, response)
        return page

    def _retry_options(self) -> dict[str, Any]:
        return retry_options(max_retries=self.settings.max_retries, is_retryable=is_retryable)

    def _record(self, request: Request, started: float, status: int | None) -> None:
        """Log a request, and call the observer.

        :param started: when it was sent, on the monotonic clock.
        :param status: the HTTP status, or None without a response.
        """
        seconds = time.monotonic() - started
        log.debug("%s: HTTP %s in %.3f s", request, status or "- no response", seconds)
        if self._observe:
            self._observe(request, status, seconds)

    def _body_reader(self, status: int, headers: Mapping[str, str]) -> BodyReader:
        return BodyReader(status, headers, max_bytes=self.settings.max_response_bytes)

    def _redacted_response(self, status: int, headers: Mapping[str, str], body: bytes) -> Response:
        """Return the response without the access key, which a server or proxy may echo."""
        key = self._access_key
        # A short key, as people use in tests, may occur in data by chance.
        if len(key) >= _MIN_REDACTED_KEY_LENGTH or not 200 <= status < 300:
            body = body.replace(key.encode(), b"***")
        redacted = {name.lower(): value.replace(key, "***") for name, value in headers.items()}
        # A proxy cannot write into a TLS connection.
        proxy = self._proxy_address if self.settings.base_url.startswith("http:") else None
        return Response(status=status, headers=redacted, body=body, proxy=proxy)


def _is_method_missing(response: Response) -> bool:
    return response.status in (404, 405) and parse_error_body(response) is None


def retry_options(*, max_retries: int, is_retryable: Callable[[BaseException], bool]) -> dict[str, Any]:
    """Return the arguments of tenacity's ``Retrying`` and ``AsyncRetrying``.

    Between two attempts is the time that the exception's ``retry_after`` has, or an exponential backoff with
    jitter. An exception with a longer time than ``MAX_RETRY_WAIT`` is raised.

    :param max_retries: attempts after the first.
    """

    def should_stop(state: RetryCallState) -> bool:
        return state.attempt_number > max_retries or (_retry_after(state) or 0.0) > MAX_RETRY_WAIT

    def log_retry(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning(
            "%s Attempt %d of %d; the next follows in %.1f s.",
            error,
            state.attempt_number,
            max_retries + 1,
            pause,
        )

    return {
        "retry": retry_if_exception(is_retryable),
        "wait": _wait,
        "stop": should_stop,
        "before_sleep": log_retry,
        "reraise": True,
    }


def _wait(state: RetryCallState) -> float:
    requested = _retry_after(state)
    return _backoff(state) if requested is None else requested


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return getattr(error, "retry_after", None)
