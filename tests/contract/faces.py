"""The two faces of the client, asked in the same way."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.clients.asynchronous import AsyncClient
from airflow_provider_damstra.clients.core import ClientSettings
from airflow_provider_damstra.clients.sync import Client
from tests.contract.table import PAGES, Row

ACCESS_KEY = "the-key-of-the-contract"
PAGE_SIZE = 20


class Face(Protocol):
    """Makes a row's example call and returns what the client returns; of a listing, all of it."""

    def __call__(self, row: Row, base_url: str) -> Any: ...


def _settings(base_url: str) -> ClientSettings:
    return ClientSettings(
        base_url=base_url, access_key=ACCESS_KEY, timeout=5.0, max_retries=0, page_size=PAGE_SIZE
    )


def endpoint_of(row: Row) -> Any:
    """Return the package's description of a row's example call, made from the API's own names."""
    return getattr(endpoints, row.class_name).model_validate(row.arguments)


def ask_sync(row: Row, base_url: str) -> Any:
    """Ask through the synchronous client."""
    endpoint = endpoint_of(row)
    with Client(_settings(base_url)) as client:
        return list(client.iterate(endpoint)) if row.kind in PAGES else client.call(endpoint)


def ask_async(row: Row, base_url: str) -> Any:
    """Ask through the asynchronous client."""
    endpoint = endpoint_of(row)

    async def ask() -> Any:
        async with AsyncClient(_settings(base_url)) as client:
            if row.kind in PAGES:
                return [item async for item in client.iterate(endpoint)]
            return await client.call(endpoint)

    return asyncio.run(ask())


both_faces = pytest.mark.parametrize(
    "ask", [pytest.param(ask_sync, id="sync"), pytest.param(ask_async, id="async")]
)
