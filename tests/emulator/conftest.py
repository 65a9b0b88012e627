"""Fixtures: one emulator per test session, reset before each test, and an HTTP client of it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.testing import DamstraEmulator
from tests.emulator.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[DamstraEmulator]:
    with DamstraEmulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: DamstraEmulator) -> DamstraEmulator:
    """Return the emulator, reset to the seed ``demo``."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture
def api(emulator: DamstraEmulator) -> Iterator[ApiClient]:
    """Return a client of the API with the accepted access key."""
    with closing(ApiClient(emulator.url, emulator.access_key)) as client:
        yield client
