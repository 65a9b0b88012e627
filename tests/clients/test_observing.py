"""Who looks on: each request is told with its status, and each secret before the caller has it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients import ahead, core, transport
from airflow_provider_damstra.clients.sync import Client
from airflow_provider_damstra.endpoints import GenerateLoginUrl, GetEmbedUrl
from airflow_provider_damstra.errors import DamstraNotFoundError
from tests.clients.calls import GET, LIST, POST, PUT, open_connections
from tests.clients.faces import settings_for

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.clients.conftest import OpenFace
    from tests.clients.faces import Face


def test_each_request_is_told_with_its_status(face: Face, damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", method="GET", status=503, count=2)
    face.call(GET)
    assert face.observed == [("GET", 503), ("GET", 503), ("GET", 200)]
    damstra_emulator.add_fault("status", method="PUT", status=405)
    face.call(PUT)
    assert face.observed[3:] == [("PUT", 405), ("POST", 200)]


def test_a_request_without_an_answer_has_no_status(face: Face, damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("drop_after", count=1)
    face.error(POST)
    assert face.observed == [("POST", None)]


def test_each_page_is_told(open_face: OpenFace, damstra_emulator: DamstraEmulator) -> None:
    face = open_face(damstra_emulator.url, page_size=10)
    assert len(face.take(LIST)) == 37
    assert face.observed == [("GET", 200)] * 4


def test_how_long_an_answer_waited_to_be_read_is_not_the_servers(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, seconds = [0.0], []
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + later[0])
    for module in (ahead, core, transport):
        monkeypatch.setattr(module, "time", clock)
    settings = settings_for(damstra_emulator.url, page_size=2)
    with Client(settings, observe=lambda request, status, took: seconds.append(took)) as client:
        open_connections(client, damstra_emulator, 3)
        for _ in client.pages(LIST, concurrency=3):
            # What was asked for before this is answered before it.
            client.call(GET)
            later[0] += 1000.0
    assert len(seconds) == 3 + 19 + 19
    assert [one for one in seconds if not 0 < one < 60] == []


def test_a_secret_is_told_and_nothing_else_is(face: Face, damstra_emulator: DamstraEmulator) -> None:
    face.call(GET)
    assert face.secrets == []
    url = face.call(GenerateLoginUrl(user_id=1011))
    assert face.secrets == [url]
    damstra_emulator.add_fault("status", status=404, body={"internalCode": 840, "error": "no"})
    with pytest.raises(DamstraNotFoundError):
        face.call(GetEmbedUrl(lesson_schedule_id=1))
    assert face.secrets == [url]
