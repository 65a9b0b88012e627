"""Fixtures of the tests of rosters."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.client import Client
from tests.emulator.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


@pytest.fixture(autouse=True)
def _no_retry_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults: Any = vars(Client)["__init__"].__kwdefaults__
    monkeypatch.setitem(defaults, "sleep", lambda seconds: None)


@pytest.fixture
def api(damstra_emulator: DamstraEmulator) -> Iterator[ApiClient]:
    """Return a plain client of the emulator's API."""
    with closing(ApiClient(damstra_emulator.url, damstra_emulator.access_key)) as client:
        yield client
