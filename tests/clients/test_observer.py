"""The callbacks of a client: its observer, and ``on_secret``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import GenerateLoginUrl, GetEmbedUrl
from airflow_provider_damstra.errors import DamstraNotFoundError
from tests.clients.calls import GET, LIST, POST, PUT

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver


def test_observer_gets_status_of_each_request(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", method="GET", status=503, count=2)
    client.call(GET)
    assert client.observed == [("GET", 503), ("GET", 503), ("GET", 200)]
    damstra_emulator.add_fault("status", method="PUT", status=405)
    client.call(PUT)
    assert client.observed[3:] == [("PUT", 405), ("POST", 200)]


def test_observer_gets_no_status_without_response(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("drop_after", count=1)
    client.error(POST)
    assert client.observed == [("POST", None)]


def test_observer_is_called_for_each_page(open_client: OpenClient, damstra_emulator: DamstraEmulator) -> None:
    client = open_client(damstra_emulator.url, page_size=10)
    assert len(client.take(LIST)) == 37
    assert client.observed == [("GET", 200)] * 4


def test_on_secret_is_called_for_secret_responses_only(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    client.call(GET)
    assert client.secrets == []
    url = client.call(GenerateLoginUrl(user_id=1011))
    assert client.secrets == [url]
    damstra_emulator.add_fault("status", status=404, body={"internalCode": 840, "error": "no"})
    with pytest.raises(DamstraNotFoundError):
        client.call(GetEmbedUrl(lesson_schedule_id=1))
    assert client.secrets == [url]
