"""aiohttp resends idempotent requests by itself on a connection that was kept open: switched off here."""

from __future__ import annotations

from aiohttp import ClientSession

from airflow_provider_damstra.clients.async_client import AsyncClient
from tests.clients.drivers import settings_for


async def test_resending_of_aiohttp_is_switched_off() -> None:
    """The attribute is private: if aiohttp renames it, requests are sent past rate limit and retries."""
    async with AsyncClient(settings_for("http://damstra.example")) as client, ClientSession() as default:
        session = await client._open_session()
        assert vars(default)["_retry_connection"] is True
        assert vars(session)["_retry_connection"] is False
