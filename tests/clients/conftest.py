"""Fixtures of tests that run with both clients."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.clients.drivers import DRIVERS, ClientDriver, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


class OpenClient(Protocol):
    """Open a client for the API at a server's URL."""

    def __call__(self, url: str, **changes: Any) -> ClientDriver: ...


@pytest.fixture(params=list(DRIVERS))
def open_client(request: pytest.FixtureRequest) -> Iterator[OpenClient]:
    """Return a function that opens clients of one kind, which are closed after the test."""
    with ExitStack() as stack:

        def open_client(url: str, **changes: Any) -> ClientDriver:
            return stack.enter_context(DRIVERS[request.param](settings_for(url, **changes)))

        yield open_client


@pytest.fixture
def client(open_client: OpenClient, damstra_emulator: DamstraEmulator) -> ClientDriver:
    """Return a client of the emulator."""
    return open_client(damstra_emulator.url)
