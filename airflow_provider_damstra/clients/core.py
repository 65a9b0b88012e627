"""What both clients decide: what to send, what an answer means, when to try again and how long to wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import RetryCallState, retry_if_exception, wait_random_exponential

from airflow_provider_damstra import __version__
from airflow_provider_damstra.clients.limits import limits_for
from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraResponseError,
    DamstraTransportError,
    is_retryable,
    parse_error_body,
)
from airflow_provider_damstra.http import Request, Response
from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.paging import PageReader
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.models.base import Page

__all__ = ["ClientCore", "ClientSettings"]

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)
Conversation = Generator[Request, Response, Answer]
"""Requests go out, responses come in, the answer is returned: how a call runs, without a socket."""

Observer = Callable[[Request, int | None, float], None]
"""Is told each request, the HTTP status of its answer if one came, and the seconds it took."""

LONGEST_WAIT = 60.0
"""Seconds that a call waits at most before another try; a server that asks for more is left to Airflow's
retries."""

_LONG = 8
log = logging.getLogger(__name__)
_backoff = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)


class ClientCore:
    """The decisions of one client, for as long as it lives."""

    def __init__(self, settings: ClientSettings, *, observe: Observer | None = None) -> None:
        self.settings = settings
        self._observe = observe
        self.limits = limits_for(settings)
        self._methods: dict[type, str] = {}

    @cached_property
    def headers(self) -> dict[str, str]:
        """Return the headers of every request. One of them is the key."""
        return {
            "AccessKey": self.settings.access_key.get_secret_value(),
            "Accept": "application/json, application/pdf;q=0.9, */*;q=0.5",
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-damstra/{__version__}",
        }

    def url(self, request: Request) -> str:
        """Return the whole address of a request."""
        return self.settings.base_url + request.target

    def converse(self, endpoint: Endpoint[Answer]) -> Conversation[Answer]:
        """Run one call; where the server lacks the documented method, with the other one, then and later."""
        kind = type(endpoint)
        request = endpoint.request(method=self._methods.get(kind))
        response = yield request
        if endpoint.fallback_method not in (None, request.method) and _lacks_method(response):
            request = endpoint.request(method=endpoint.fallback_method)
            response = yield request
            if not _lacks_method(response):
                self._methods[kind] = request.method
        return endpoint.read(request, response)

    def converse_page(
        self, endpoint: ListEndpoint[Row], request: Request, *, reader: PageReader | None = None
    ) -> Conversation[Page[Row]]:
        """Run the request for one page of a listing."""
        response = yield request
        if reader is None:
            return endpoint.read(request, response)
        page: Page[Row] = reader.read(endpoint, request, response)
        return page

    @staticmethod
    def tries_again_after(first: DamstraError) -> Iterator[DamstraError]:
        """Return the first failure for tenacity's loop to begin with: most calls succeed, and need no loop.

        :raises DamstraError: the failure, if another try is no use.
        """
        if not is_retryable(first):
            raise first
        return iter([first])

    def retrying(self) -> dict[str, Any]:
        """Return how tenacity's loops have to try: the same on both faces."""
        return {
            "retry": retry_if_exception(is_retryable),
            "wait": _wait,
            "stop": self._gives_up,
            "before_sleep": self._say_so,
            "reraise": True,
        }

    def no_answer(self, request: Request, why: str, *, was_sent: bool = True) -> DamstraTransportError:
        """Return the error for a request without an answer.

        :param was_sent: whether the request may have reached the server.
        """
        return DamstraTransportError(
            f"{request} got no answer from {self.settings.host}: {why}. {_fate(request, was_sent=was_sent)}",
            request=request,
            was_sent=was_sent,
        )

    def not_connected(self, request: Request) -> DamstraTransportError:
        """Return the error for a connection that took too long to make."""
        return self.no_answer(request, f"no connection within {self.settings.timeout:g} s", was_sent=False)

    def silent(self, request: Request) -> DamstraTransportError:
        """Return the error for an answer that took too long."""
        return self.no_answer(request, f"nothing came for {self.settings.timeout:g} s")

    def truncated(self, request: Request) -> DamstraResponseError:
        """Return the error for an answer that broke off."""
        return DamstraResponseError(
            f"{request} was answered by {self.settings.host}, but the answer broke off. {_fate(request)}",
            request=request,
            is_truncated=True,
        )

    def untrusted(self, request: Request, why: str) -> DamstraTransportError:
        """Return the error for a server whose certificate was refused; another try cannot help."""
        return DamstraTransportError(
            f"{request} was not sent, because the TLS connection to {self.settings.host} failed: {why}. If a "
            "proxy with its own certificate stands between, set the extra verify to its CA bundle.",
            request=request,
            was_sent=False,
            is_transient=False,
        )

    def observed(self, request: Request, started: float, status: int | None = None) -> None:
        """Log how a request went, and tell who wants to know.

        :param started: when it was sent, on the monotonic clock.
        :param status: the HTTP status, or None if no answer came.
        """
        seconds = time.monotonic() - started
        log.debug("%s: HTTP %s in %.3f s", request, status or "- no answer", seconds)
        if self._observe:
            self._observe(request, status, seconds)

    def response(self, *, status: int, headers: Mapping[str, str], body: bytes) -> Response:
        """Return an answer without the key, which a server or proxy may show in it."""
        key = self.settings.access_key.get_secret_value()
        # A short key, as people use in tests, may stand in data by chance.
        if (len(key) >= _LONG or not 200 <= status < 300) and key.encode() in body:
            body = body.replace(key.encode(), b"***")
        lowered = {name.lower(): value.replace(key, "***") for name, value in headers.items()}
        return Response(status=status, headers=lowered, body=body)

    def _gives_up(self, state: RetryCallState) -> bool:
        return state.attempt_number > self.settings.max_retries or (_retry_after(state) or 0.0) > LONGEST_WAIT

    def _say_so(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        attempts = self.settings.max_retries + 1
        log.warning(
            "%s Attempt %d of %d; the next follows in %.1f s.", error, state.attempt_number, attempts, pause
        )


def wait_less(waited: float) -> Callable[[RetryCallState], float]:
    """Return how long to wait for another try, if the first one was sent so many seconds ago."""
    return lambda state: max(_wait(state) - (waited if state.attempt_number == 1 else 0.0), 0.0)


def _lacks_method(response: Response) -> bool:
    return response.status in (404, 405) and parse_error_body(response) is None


def _wait(state: RetryCallState) -> float:
    asked = _retry_after(state)
    return _backoff(state) if asked is None else asked


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, DamstraError) else None


def _fate(request: Request, *, was_sent: bool = True) -> str:
    if not was_sent:
        return "The request was not sent: check the connection's host and port, and the network."
    if not request.is_write:
        return "Nothing was changed by it."
    if request.is_idempotent:
        return "It may have been carried out; sending it again does no harm."
    return "It may have been carried out, so it was not sent again: look whether it was before repeating it."
