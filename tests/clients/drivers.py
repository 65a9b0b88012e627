"""The synchronous and the asynchronous client behind one interface, for tests that run with both."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pytest

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.http import Request

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)

ACCESS_KEY = "emulator-access-key"


def settings_for(url: str, **changes: Any) -> ClientSettings:
    """Return settings for the API at a server's URL."""
    base = {"base_url": f"{url}/api/v2", "access_key": ACCESS_KEY, "timeout": 5.0}
    return ClientSettings.model_validate({**base, **changes})


class ClientDriver(ABC):
    """One client, called from a synchronous test; records the waits between attempts instead of sleeping."""

    def __init__(self) -> None:
        self.sleeps: list[float] = []
        self.secrets: list[str] = []
        self.observed: list[tuple[str, int | None]] = []

    def observe(self, request: Request, status: int | None, seconds: float) -> None:
        """Record a request and its status."""
        assert 0 <= seconds < 60
        self.observed.append((request.method, status))

    @abstractmethod
    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation."""

    @abstractmethod
    def take(
        self, endpoint: ListEndpoint[Row], count: int | None = None, *, concurrency: int | None = None
    ) -> list[Row]:
        """Return the first rows of a listing, or all of them, and stop the iteration."""

    @abstractmethod
    def close(self) -> None:
        """Close the client."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def error(self, endpoint: Endpoint[Any]) -> DamstraError:
        """Return the error of a call that must fail."""
        with pytest.raises(DamstraError) as caught:
            self.call(endpoint)
        return caught.value


class SyncDriver(ClientDriver):
    """Drive ``Client``."""

    def __init__(self, settings: ClientSettings) -> None:
        super().__init__()
        self.client = Client(
            settings, observe=self.observe, on_secret=self.secrets.append, sleep=self.sleeps.append
        )

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation."""
        return self.client.call(endpoint)

    def take(
        self, endpoint: ListEndpoint[Row], count: int | None = None, *, concurrency: int | None = None
    ) -> list[Row]:
        """Return the first rows of a listing, or all of them, and stop the iteration."""
        return list(islice(self.client.iterate(endpoint, concurrency=concurrency), count))

    def close(self) -> None:
        """Close the client."""
        self.client.close()


class AsyncDriver(ClientDriver):
    """Drive ``AsyncClient`` in a separate event loop."""

    def __init__(self, settings: ClientSettings) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = AsyncClient(
            settings, observe=self.observe, on_secret=self._on_secret, sleep=self._sleep
        )

    async def _on_secret(self, secret: str) -> None:
        self.secrets.append(secret)

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation."""
        return self.runner.run(self.client.call(endpoint))

    def take(
        self, endpoint: ListEndpoint[Row], count: int | None = None, *, concurrency: int | None = None
    ) -> list[Row]:
        """Return the first rows of a listing, or all of them, and stop the iteration."""
        return self.runner.run(self._take(endpoint, count, concurrency))

    async def _take(
        self, endpoint: ListEndpoint[Row], count: int | None, concurrency: int | None
    ) -> list[Row]:
        rows: list[Row] = []
        async with aclosing(self.client.iterate(endpoint, concurrency=concurrency)) as listing:
            async for row in listing:
                rows.append(row)
                if len(rows) == count:
                    break
        return rows

    def close(self) -> None:
        """Close the client and its event loop."""
        self.runner.run(self.client.close())
        self.runner.close()


DRIVERS: dict[str, type[SyncDriver] | type[AsyncDriver]] = {"sync": SyncDriver, "async": AsyncDriver}
