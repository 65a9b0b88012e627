"""Failures that no server can cause on purpose, and mocks of the network that DAG authors use."""

from __future__ import annotations

import gzip
import http.client
import io
import ssl
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
import urllib3
from requests.adapters import BaseAdapter
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from airflow_provider_damstra.clients import transport_errors
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.endpoints import CreateGroup, GetUser, ListUsers
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError, DamstraTransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "http://damstra.example/api/v2"
CREATE = CreateGroup(name="Pit Crew A", description="Haul trucks")
POOL = urllib3.HTTPConnectionPool("127.0.0.1", 9)
CONNECT_TIMEOUT = exceptions.ConnectTimeoutError(POOL, "too slow")
FAILURES = (
    exceptions.ProtocolError("out of nowhere"),
    exceptions.ReadTimeoutError(POOL, "/", "no data"),
    exceptions.SSLError("bad record mac"),
    ssl.SSLError("bad record mac"),
    http.client.BadStatusLine("invalid"),
    TimeoutError("no data"),
    OSError("failed"),
)
each_failure = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)


@pytest.fixture
def client() -> Iterator[Client]:
    settings = ClientSettings.model_validate({"base_url": URL, "access_key": "mock-key", "max_retries": 2})
    with Client(settings, sleep=lambda _: None) as client:
        yield client


class FakeConnection:
    """Replace urllib3's connection: raise or return one outcome after the other, the last one repeatedly."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | urllib3.HTTPResponse) -> None:
        self.outcomes = outcomes
        self.count = 0
        monkeypatch.setattr(HTTPConnection, "request", self.request)
        monkeypatch.setattr(HTTPConnection, "getresponse", self.getresponse)

    def request(self, *_: Any, **__: Any) -> None:
        self.count += 1
        if self._outcome is CONNECT_TIMEOUT:
            raise CONNECT_TIMEOUT

    def getresponse(self, *_: Any) -> urllib3.HTTPResponse:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    @property
    def _outcome(self) -> Exception | urllib3.HTTPResponse:
        return self.outcomes[min(self.count, len(self.outcomes)) - 1]


def response(text: str, **options: Any) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(io.BytesIO(text.encode()), status=200, preload_content=False, **options)


@each_failure
def test_post_that_fails_after_sending_is_not_repeated(
    failure: Exception, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = FakeConnection(monkeypatch, failure)
    with pytest.raises(DamstraTransportError) as caught:
        client.call(CREATE)
    assert connection.count == 1
    assert caught.value.outcome_unknown
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@each_failure
def test_get_that_fails_after_sending_is_repeated(
    failure: Exception, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = FakeConnection(monkeypatch, failure, failure, response('{"id": 7}'))
    assert client.call(GetUser(user_id=7)).id == 7
    assert connection.count == 3


def test_post_is_repeated_after_connect_timeout(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = FakeConnection(monkeypatch, CONNECT_TIMEOUT, response('{"id": 1, "name": "Pit Crew A"}'))
    assert client.call(CREATE).id == 1
    assert connection.count == 2


def test_call_in_except_block_of_connect_error_is_not_classified_as_unsent(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handled exception is the context of the call's error, but unrelated to its request."""

    def connect() -> None:
        raise ConnectionRefusedError

    connection = FakeConnection(monkeypatch, exceptions.ProtocolError("broken"))
    try:
        connect()
    except ConnectionRefusedError:
        with pytest.raises(DamstraTransportError) as caught:
            client.call(CREATE)
    assert caught.value.outcome_unknown
    assert connection.count == 1


def test_body_with_broken_encoding_is_a_truncated_response(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = FakeConnection(monkeypatch, response("no gzip", headers={"content-encoding": "gzip"}))
    with pytest.raises(DamstraResponseError) as caught:
        client.call(CREATE)
    assert connection.count == 1
    assert caught.value.outcome_unknown


def test_rest_of_error_response_is_not_read_if_its_beginning_decompresses_to_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = gzip.compress(b"")
    body = io.BytesIO(empty * ((4 << 20) // len(empty)) + gzip.compress(bytes(64 << 20)))
    headers = {"content-encoding": "gzip"}
    FakeConnection(
        monkeypatch, urllib3.HTTPResponse(body, status=500, headers=headers, preload_content=False)
    )
    tracemalloc.start()
    try:
        with pytest.raises(DamstraServerError, match="the response is empty"):
            client.call(CREATE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_requests_mock_replaces_the_network(client: Client) -> None:
    page = {"results": [{"id": 7}, {"id": 8}], "meta": {"totalResultCount": 2}}
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{URL}/user/7", json={"id": 7})
        mocker.get(f"{URL}/user", json=page)
        assert client.call(GetUser(user_id=7)).id == 7
        assert [user.id for user in client.iterate(ListUsers())] == [7, 8]
    assert [request.headers["AccessKey"] for request in mocker.request_history] == ["mock-key"] * 2


def test_requests_mock_raises_and_fails_as_a_server_does(client: Client) -> None:
    with requests_mock.Mocker() as mocker:
        mocker.get(
            f"{URL}/user/7", [{"exc": requests.ConnectTimeout}, {"status_code": 503}, {"json": {"id": 7}}]
        )
        assert client.call(GetUser(user_id=7)).id == 7
        mocker.post(f"{URL}/group", status_code=500)
        with pytest.raises(DamstraServerError):
            client.call(CREATE)
        mocker.post(f"{URL}/group", exc=requests.ConnectionError)
        with pytest.raises(DamstraTransportError) as caught:
            client.call(CREATE)
    assert caught.value.outcome_unknown


class StaticAdapter(BaseAdapter):
    """An adapter of a test's own, which sets the content and has no raw response."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        found = requests.Response()
        found.status_code, found.url, found._content = 200, request.url or "", b'{"id": 7}'
        return found

    def close(self) -> None:
        pass


def test_adapter_mounted_on_the_session_replaces_the_network(client: Client) -> None:
    client.session.mount("http://", StaticAdapter())
    assert client.call(GetUser(user_id=7)).id == 7


def test_exceptions_recognised_by_name_exist() -> None:
    """A library that renames one would change what an error means."""
    import aiohttp

    names = (
        transport_errors.CONNECT_ERRORS | transport_errors.CONNECT_TIMEOUTS | transport_errors.READ_TIMEOUTS
    )
    libraries = (aiohttp, requests.exceptions, exceptions)
    assert [name for name in sorted(names) if not any(hasattr(library, name) for library in libraries)] == []
