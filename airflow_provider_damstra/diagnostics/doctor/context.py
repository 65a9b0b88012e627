"""What the checks share: the connection, and a client for single requests."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.errors import DamstraError, error_from_response

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.http import Request, Response

REQUEST_TIMEOUT_SECONDS = 10.0
"""Time to connect, and time between two reads, at most; less if the connection has less."""


class SkippedError(Exception):
    """A check does not apply, or something that it needs is missing."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A response, and when it was received.

    :param sent_at: time of the request, in seconds since the epoch.
    :param seconds: duration from the request to the end of the response.
    """

    response: Response
    sent_at: float
    seconds: float


@dataclass(kw_only=True)
class DoctorContext:
    """State of one run of the checks.

    :param conn_id: id of the connection to check.
    :param connection: the stored connection, as soon as it was found.
    :param settings: its settings, as soon as they were found to be valid.
    :param is_key_accepted: whether the server accepted the access key.
    :param exchanges: the successful exchanges with the server.
    """

    conn_id: str
    connection: Any = None
    settings: ClientSettings | None = None
    is_key_accepted: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    _client: Client | None = None

    def require_settings(self) -> ClientSettings:
        """Return the settings of the connection.

        :raises SkippedError: if the connection is not usable.
        """
        if self.settings is None:
            raise SkippedError("the connection is not usable")
        return self.settings

    def require_accepted_key(self) -> None:
        """Check that the server accepted the access key.

        :raises SkippedError: if it did not: then every call fails in the same way.
        """
        self.require_settings()
        if not self.is_key_accepted:
            raise SkippedError("the server did not accept the access key")

    def call(self, endpoint: Endpoint[Any], request: Request | None = None) -> Any:
        """Send one GET request, without retries, and return its result.

        :param request: another request than the endpoint's own, such as one for a page.
        :raises DamstraError: if it failed.
        :raises SkippedError: if the connection is not usable.
        """
        request = request or endpoint.request()
        sent_at, started = time.time(), time.monotonic()
        response = self._open_client().send(request)
        seconds = time.monotonic() - started
        if error := error_from_response(request, response):
            raise error
        self.exchanges.append(Exchange(response=response, sent_at=sent_at, seconds=seconds))
        return endpoint.read(request, response)

    def close(self) -> None:
        """Close the client's connections."""
        if self._client:
            with suppress(DamstraError):
                self._client.close()

    def _open_client(self) -> Client:
        settings = self.require_settings()
        if self._client is None:
            timeout = min(settings.timeout, REQUEST_TIMEOUT_SECONDS)
            self._client = Client(settings.model_copy(update={"timeout": timeout}))
        return self._client
