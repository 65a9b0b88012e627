"""One query asked once: of the connection as it is by now, and no further than somebody wants to know."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import is_not_found
from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.polling.subscriptions import PolledQuery


async def ask(
    connection: ReloadingClient, watch: PolledQuery, rows: frozenset[int] | None
) -> tuple[Any, bool]:
    """Return the answer to a query, and whether it is whole.

    If it fails, and the connection has changed meanwhile, it is asked there.

    :param rows: keys of the rows of a listing that somebody wants, or None for all: it is read no further.
    :raises DamstraError: if there was no answer.
    """
    client = connection.client
    try:
        return await _answer(client, watch, rows)
    except DamstraError as error:
        if is_not_found(error) or not await connection.renew(client):
            raise
    return await _answer(connection.client, watch, rows)


async def _answer(client: AsyncClient, watch: PolledQuery, rows: frozenset[int] | None) -> tuple[Any, bool]:
    if not isinstance(watch.query, ListEndpoint):
        return await client.call(watch.query), True
    found: list[Any] = []
    missing = set(rows or ())
    async with aclosing(client.pages(watch.query, reader=watch.page_cache)) as pages:
        async for page in pages:
            found += page
            missing.difference_update(row.row_key for row in page)
            if rows is not None and not missing:
                return found, False
    return found, True


READ_EVERY = 1.0
"""Seconds at least between two times that a connection is read again, however many requests fail."""


class ReloadingClient:
    """A client for as long as waits last: weeks, in which a key is rotated or an address changes.

    :param damstra_conn_id: id of the Airflow connection.
    """

    def __init__(self, damstra_conn_id: str) -> None:
        self._hook = DamstraHook(damstra_conn_id=damstra_conn_id)
        self._resources = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._made: AsyncClient | None = None
        self._read_at = float("-inf")

    @property
    def client(self) -> AsyncClient:
        """Return the client that there is."""
        if self._made is None:
            raise RuntimeError("the client is not open")
        return self._made

    async def open(self) -> None:
        """Make the client, unless there is one."""
        if self._made is None:
            self._made = await self._resources.enter_async_context(self._hook.async_client())

    async def renew(self, failed: AsyncClient) -> bool:
        """Read the connection again, and return whether there is by now another client than the failed one.

        What cannot be read at the moment changes nothing.
        """
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self.client is failed and now - self._read_at >= READ_EVERY:
                self._read_at = now
                if await self._says_something_else():
                    # The one before is closed with all others: requests of its may still be in flight.
                    self._made = await self._resources.enter_async_context(self._hook.async_client())
        return self.client is not failed

    async def _says_something_else(self) -> bool:
        try:
            return await self._hook.async_settings() != self.client.settings
        except Exception:
            # The failure that led here is what counts: it is reported, or borne.
            return False

    async def close(self) -> None:
        """Close all connections."""
        await self._resources.aclose()
