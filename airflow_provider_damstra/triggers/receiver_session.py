"""Asking Airflow's own receiver from the triggerer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

TIMEOUT = 10.0


class UnavailableError(RuntimeError):
    """There is nobody to ask: no token, or a receiver that does not know it."""


@asynccontextmanager
async def receiver_session(damstra_conn_id: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session that shows a connection's token to the receiver: follow no redirects with it.

    :raises UnavailableError: if the connection has no token.
    """
    from airflow_provider_damstra.hooks.damstra import DamstraHook

    token = await DamstraHook(damstra_conn_id=damstra_conn_id).async_webhook_token()
    if token is None:
        raise UnavailableError("the connection has no webhook_token")
    aiohttp = await asyncio.to_thread(_import_aiohttp)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        yield session


def check(response: aiohttp.ClientResponse) -> None:
    """Refuse what is no answer.

    :raises UnavailableError: if the receiver is not there, or does not know the token.
    :raises RuntimeError: if it failed.
    """
    if response.status in (404, 405):
        raise UnavailableError("the receiver is not enabled, or knows another token or network")
    if response.status != 200:
        raise RuntimeError(f"the receiver answered {response.status}")


def _import_aiohttp() -> Any:
    import aiohttp

    return aiohttp
