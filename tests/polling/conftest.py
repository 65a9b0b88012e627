"""The emulator, a connection whose client does not retry, and the sessions that clients open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import pytest

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


class Connect(Protocol):
    """Set a connection to the emulator, with further extras."""

    def __call__(self, conn_id: str = "damstra_default", **extra: Any) -> None: ...


@pytest.fixture
def connect(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return a function that sets connections to the emulator, and set the default one."""

    def connect(conn_id: str = "damstra_default", **extra: Any) -> None:
        connection = json.loads(damstra_emulator.connection_json)
        connection["extra"] = {"timeout": 10, "max_retries": 0, "verify": False, **extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    connect()
    return connect


@pytest.fixture
def emulator(damstra_emulator: DamstraEmulator, connect: Connect) -> DamstraEmulator:
    """Return the emulator."""
    return damstra_emulator


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[aiohttp.ClientSession]:
    """Return the list of sessions that are opened during the test."""
    opened: list[aiohttp.ClientSession] = []
    kind = aiohttp.ClientSession

    def open_session(**options: Any) -> aiohttp.ClientSession:
        opened.append(kind(**options))
        return opened[-1]

    monkeypatch.setattr(aiohttp, "ClientSession", open_session)
    return opened
