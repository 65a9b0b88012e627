"""What tests of both faces share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.clients.drivers import DRIVERS, ClientDriver, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


class OpenClient(Protocol):
    """Opens a client of the client for the API below an address."""

    def __call__(self, url: str, **changes: Any) -> ClientDriver: ...


@pytest.fixture(params=list(DRIVERS))
def open_client(request: pytest.FixtureRequest) -> Iterator[OpenClient]:
    """Return what opens faces, either of the client's; they are closed after the test."""
    with ExitStack() as stack:

        def open_client(url: str, **changes: Any) -> ClientDriver:
            return stack.enter_context(DRIVERS[request.param](settings_for(url, **changes)))

        yield open_client


@pytest.fixture
def client(open_client: OpenClient, damstra_emulator: DamstraEmulator) -> ClientDriver:
    """Return a client of the client for the emulator."""
    return open_client(damstra_emulator.url)
