"""The synchronous and the asynchronous client with the same interface."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.clients.settings import ClientSettings
from tests.contract.table import PAGES, Row

ACCESS_KEY = "the-key-of-the-contract"
PAGE_SIZE = 20


class ExampleCall(Protocol):
    """Make a row's example call and return the client's result; for a listing, a list of all rows."""

    def __call__(self, row: Row, base_url: str) -> Any: ...


def _settings(base_url: str) -> ClientSettings:
    return ClientSettings(
        base_url=base_url, access_key=SecretStr(ACCESS_KEY), timeout=5.0, max_retries=0, page_size=PAGE_SIZE
    )


def build_endpoint(row: Row) -> Any:
    """Return the package's endpoint for a row's example call, created from the API's own names."""
    return getattr(endpoints, row.class_name).model_validate(row.arguments)


def call_sync(row: Row, base_url: str) -> Any:
    """Make the call with the synchronous client."""
    endpoint = build_endpoint(row)
    with Client(_settings(base_url)) as client:
        return list(client.iterate(endpoint)) if row.kind in PAGES else client.call(endpoint)


def call_async(row: Row, base_url: str) -> Any:
    """Make the call with the asynchronous client."""
    endpoint = build_endpoint(row)

    async def call() -> Any:
        async with AsyncClient(_settings(base_url)) as client:
            if row.kind in PAGES:
                return [item async for item in client.iterate(endpoint)]
            return await client.call(endpoint)

    return asyncio.run(call())


both_clients = pytest.mark.parametrize(
    "call", [pytest.param(call_sync, id="sync"), pytest.param(call_async, id="async")]
)
