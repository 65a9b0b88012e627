"""What no server can do on purpose: failures inside urllib3, in the client for workers."""

from __future__ import annotations

import http.client
import io
import ssl
from typing import Any

import pytest
import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.clients.sync import Client
from airflow_provider_damstra.endpoints import CreateGroup, GetUser
from airflow_provider_damstra.errors import DamstraResponseError, DamstraTransportError

URL = "http://127.0.0.1:9/api/v2"
CREATE = CreateGroup(name="Pit Crew A", description="Haul trucks")
POOL = urllib3.HTTPConnectionPool("127.0.0.1", 9)
TOO_SLOW = exceptions.ConnectTimeoutError(POOL, "too slow")
LOST = (
    exceptions.ProtocolError("out of nowhere"),
    exceptions.ReadTimeoutError(POOL, "/", "nothing came"),
    exceptions.SSLError("bad record mac"),
    ssl.SSLError("bad record mac"),
    http.client.BadStatusLine("whatever"),
    TimeoutError("nothing came"),
    OSError("whatever"),
)


class Body(urllib3.HTTPResponse):
    """An answer whose body cannot be read."""

    def read(self, *_: Any, **__: Any) -> bytes:
        raise exceptions.DecodeError("no gzip")


def answer(text: str) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(io.BytesIO(text.encode()), status=200, preload_content=False)


class Transport:
    """Stands in urllib3's place: gives or raises one thing after the other, the last one again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Exception | urllib3.HTTPResponse) -> None:
        self.answers = answers
        self.count = 0
        monkeypatch.setattr(HTTPConnection, "connect", self.connect)
        monkeypatch.setattr(HTTPConnection, "request", lambda *_, **__: None)
        monkeypatch.setattr(HTTPConnection, "getresponse", self.getresponse)

    def connect(self, *_: Any) -> None:
        self.count += 1
        if self._next is TOO_SLOW:
            raise TOO_SLOW

    def getresponse(self, *_: Any) -> urllib3.HTTPResponse:
        if isinstance(self._next, Exception):
            raise self._next
        return self._next

    @property
    def _next(self) -> Exception | urllib3.HTTPResponse:
        return self.answers[min(self.count, len(self.answers)) - 1]


def client() -> Client:
    settings = ClientSettings.model_validate({"base_url": URL, "access_key": "stub-key", "max_retries": 2})
    return Client(settings, sleep=lambda _: None)


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
def test_a_post_that_fails_for_whatever_reason_is_sent_once(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = Transport(monkeypatch, failure)
    with pytest.raises(DamstraTransportError) as caught:
        client().call(CREATE)
    assert transport.count == 1
    assert caught.value.outcome_unknown
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
def test_a_get_that_fails_for_whatever_reason_is_tried_again(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = Transport(monkeypatch, failure, failure, answer('{"id": 7}'))
    assert client().call(GetUser(user_id=7)).id == 7
    assert transport.count == 3


def test_a_connection_that_never_came_about_is_tried_again_for_a_post(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport = Transport(monkeypatch, TOO_SLOW, answer('{"id": 1, "name": "Pit Crew A"}'))
    assert client().call(CREATE).id == 1
    assert transport.count == 2


def test_an_answer_whose_encoding_is_broken_was_an_answer_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport = Transport(monkeypatch, Body(io.BytesIO(), status=200, preload_content=False))
    with pytest.raises(DamstraResponseError) as caught:
        client().call(CREATE)
    assert transport.count == 1
    assert caught.value.outcome_unknown
