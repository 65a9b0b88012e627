"""A client that outlives changes of its Airflow connection, such as a rotated access key."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import is_not_found
from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.errors import DamstraError, DamstraTransportError
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.clients.pagination import PageCache
    from airflow_provider_damstra.conditions.base import Query

MIN_RELOAD_INTERVAL = 1.0
"""Seconds between two reads of the connection, regardless of the number of failed requests."""


class ReloadingClient:
    """An ``AsyncClient`` that is replaced when a request fails and the connection has changed.

    Triggers run for weeks, so an access key or a host may change meanwhile.

    :param damstra_conn_id: id of the Airflow connection.
    """

    def __init__(self, damstra_conn_id: str) -> None:
        self._hook = DamstraHook(damstra_conn_id=damstra_conn_id)
        self._resources = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._client: AsyncClient | None = None
        self._read_at = float("-inf")
        self._read_error = ""

    @property
    def is_open(self) -> bool:
        """Return whether the connection has been read."""
        return self._client is not None

    @property
    def max_concurrency(self) -> int:
        """Return the connection's maximum number of concurrent requests; 1 before the client is open."""
        return self._client.settings.max_concurrency if self._client else 1

    async def open(self) -> AsyncClient:
        """Return the current client; the first call reads the connection and creates it.

        :raises DamstraTransportError: if the connection could not be read within the last second.
        :raises DamstraConfigurationError: if the connection is invalid.
        :raises AirflowNotFoundException: if there is no such connection.
        """
        if self._client is None:
            async with self._lock:
                if self._client is None:
                    self._client = await self._create_client()
        return self._client

    async def _create_client(self) -> AsyncClient:
        if self._read_error and not self._may_read():
            raise DamstraTransportError(self._read_error, was_sent=False)
        try:
            return await self._resources.enter_async_context(self._hook.async_client())
        except DamstraTransportError as error:
            self._read_error, self._read_at = str(error), asyncio.get_running_loop().time()
            raise

    def _may_read(self) -> bool:
        """Return whether the last read of the connection was long enough ago."""
        return asyncio.get_running_loop().time() - self._read_at >= MIN_RELOAD_INTERVAL

    async def close(self) -> None:
        """Close all clients."""
        await self._resources.aclose()

    async def fetch(
        self, query: Query, *, row_keys: frozenset[int] | None, cache: PageCache
    ) -> tuple[Any, bool]:
        """Send a query and return its response, and whether it is complete.

        If it fails and the connection has changed, it is sent again with the new settings.

        :param row_keys: the rows to find; a listing is read only up to the last of them. None reads all.
        :param cache: the pages of the query's previous response.
        :raises DamstraError: if the query failed.
        """
        client = await self.open()
        try:
            return await _fetch(client, query, row_keys, cache)
        except DamstraError as error:
            if is_not_found(error) or not await self._reload(client):
                raise
        return await _fetch(await self.open(), query, row_keys, cache)

    async def _reload(self, failed: AsyncClient) -> bool:
        """Read the connection, and return whether the client is now another than the failed one."""
        async with self._lock:
            if self._client is failed and self._may_read():
                self._read_at = asyncio.get_running_loop().time()
                if await self._has_changed(failed):
                    # The failed client stays open until ``close``: it may have other requests in flight.
                    self._client = await self._resources.enter_async_context(self._hook.async_client())
        return self._client is not failed

    async def _has_changed(self, client: AsyncClient) -> bool:
        try:
            return await self._hook.async_settings() != client.settings
        except Exception:
            # The failed request is handled or reported in any case; an unreadable connection changes nothing.
            return False


async def _fetch(
    client: AsyncClient, query: Query, row_keys: frozenset[int] | None, cache: PageCache
) -> tuple[Any, bool]:
    if not isinstance(query, ListEndpoint):
        return await client.call(query), True
    rows: list[Any] = []
    missing = set(row_keys or ())
    async with aclosing(client.pages(query, reader=cache)) as pages:
        async for page in pages:
            rows += page
            missing.difference_update(row.row_key for row in page)
            if row_keys is not None and not missing:
                return rows, False
    return rows, True
