"""Attacks on the receiver: nothing is stored, no secret leaks, and the receiver keeps working."""

from __future__ import annotations

import json
import socket
import statistics
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from sqlalchemy import event as sqlalchemy_event

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks import receiver as receiver_module
from airflow_provider_damstra.webhooks.auth import TokenAuthenticator, generate_token
from airflow_provider_damstra.webhooks.database import get_engine, transaction
from airflow_provider_damstra.webhooks.database import inbox_table as table
from tests.airflow_compat import http_access_log
from tests.webhooks.receiver_server import CONN_ID, HOST, ReceiverServer, Response, completed_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def _check_effects(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Assert after each attack that nothing was stored, no token logged, and that the receiver works."""
    requests: list[str] = []
    logger = SimpleNamespace(info=lambda *args, **fields: requests.append(f"{args} {fields}"))
    if http_access_log is not None:
        monkeypatch.setattr(http_access_log, "logger", logger)
    yield
    assert inbox.list_events() == []
    assert receiver.post(completed_event()).json == {"result": "received"}
    logged = unquote(caplog.text + "".join(requests))
    assert "/damstra/webhooks/damstra_default/***" in logged
    assert receiver.token not in logged
    assert "Traceback" not in logged


def visible_parts(response: Response) -> tuple[Any, ...]:
    """Return all that a sender can see of a response, except the time."""
    return response.status, {**response.headers, "date": ""}, response.body


def send_raw(server: ReceiverServer, request: bytes, *, chunk: bytes = b"", times: int = 1) -> bytes:
    """Send bytes, then a chunk several times, and return all that the server sends until it closes."""
    with socket.create_connection((HOST, server.port), timeout=20) as connection:
        response = b""
        try:
            connection.sendall(request)
            for _ in range(times):
                connection.sendall(chunk)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                response += received
        except (BrokenPipeError, ConnectionResetError):
            pass
        return response


def post_head(path: str, *headers: bytes) -> bytes:
    """Return the request line and headers of a POST request."""
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: x", b"Content-Type: application/json", *headers]
    return b"".join(line + b"\r\n" for line in [*lines, b""])


UNAUTHORIZED: dict[str, Callable[[ReceiverServer], str]] = {
    "a wrong token": lambda server: server.webhook_path(token=generate_token()),
    "the token except its last character": lambda server: server.webhook_path(token=server.token[:-1] + "~"),
    "the token and a character": lambda server: server.webhook_path(token=server.token + "x"),
    "the token with other case": lambda server: server.webhook_path(token=server.token.swapcase()),
    "a part of the token": lambda server: server.webhook_path(token=server.token[:20]),
    "no token": lambda server: "/damstra/webhooks/damstra_default/",
    "no connection": lambda server: f"/damstra/webhooks/{server.token}",
    "another connection": lambda server: server.webhook_path(conn_id="other"),
    "a connection in capitals": lambda server: server.webhook_path(conn_id=CONN_ID.upper()),
    "an empty connection": lambda server: f"/damstra/webhooks//{server.token}",
    "a very long token": lambda server: server.webhook_path(token="x" * 20_000),
    "bytes outside UTF-8": lambda server: server.webhook_path(token="%ff%fe%00" * 20),
    "a trailing slash": lambda server: server.webhook_path() + "/",
    "a longer path": lambda server: server.webhook_path() + "/more",
    "a null byte": lambda server: server.webhook_path() + "%00",
    "a parameter": lambda server: server.webhook_path() + ";x=1",
    "dot segments": lambda server: f"/damstra/webhooks/{CONN_ID}/../{CONN_ID}/{server.token}",
    "encoded dot segments": lambda server: f"/damstra/webhooks/{CONN_ID}/%2e%2e/{CONN_ID}/{server.token}",
    "an encoded slash": lambda server: f"/damstra/webhooks/{CONN_ID}%2F{server.token}%2Fx",
    "repeated slashes": lambda server: f"/damstra/webhooks/{CONN_ID}///{server.token}/x",
    "an unknown path": lambda server: f"/damstra/webhook/{CONN_ID}",
    "the feed": lambda server: f"/damstra/feed/{CONN_ID}",
    "the root": lambda server: "/damstra/",
}


def test_all_unauthorized_requests_receive_the_same_response(receiver: ReceiverServer) -> None:
    responses = {
        kind: visible_parts(receiver.post(completed_event(), path(receiver)))
        for kind, path in UNAUTHORIZED.items()
    }
    assert {response[0] for response in responses.values()} == {404}
    assert len(set(map(str, responses.values()))) == 1, responses


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_receive_404_for_any_token(method: str, receiver: ReceiverServer) -> None:
    body = json.dumps(completed_event()).encode()
    valid = receiver.request(method, receiver.webhook_path(), body)
    invalid = receiver.request(method, receiver.webhook_path(token=generate_token()), body)
    assert (valid.status, visible_parts(valid)) == (404, visible_parts(invalid))


def test_unauthorized_request_sends_no_database_query(receiver: ReceiverServer) -> None:
    statements: list[str] = []

    def record(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    get_engine().dispose()
    sqlalchemy_event.listen(get_engine(), "before_cursor_execute", record)
    for number in range(50):
        receiver.post(completed_event(), receiver.webhook_path(conn_id=f"c{number}"))
        receiver.post(completed_event(), receiver.webhook_path(token=generate_token()))
    assert [statement for statement in statements if "damstra_webhook_inbox" not in statement] == []
    assert [statement for statement in statements if statement.startswith("INSERT")] == []


def test_large_body_is_not_read(receiver: ReceiverServer) -> None:
    length = b"Content-Length: %d" % (10 * MEGABYTE)
    for token, status in ((receiver.token, b"413"), (generate_token(), b"404")):
        head = post_head(receiver.webhook_path(token=token), length)
        response = send_raw(receiver, head, chunk=b"x" * MEGABYTE, times=10)
        assert response == b"" or response.split()[1] == status


def test_endless_chunked_body_is_not_read(receiver: ReceiverServer) -> None:
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    head = post_head(receiver.webhook_path(), b"Transfer-Encoding: chunked")
    response = send_raw(receiver, head, chunk=chunk, times=50)
    assert response == b"" or response.split()[1] == b"413"


def test_body_is_read_up_to_maximum_size(receiver: ReceiverServer) -> None:
    assert receiver.post(b" " * receiver_module.MAX_BODY_BYTES).status == 400
    assert receiver.post(b" " * (receiver_module.MAX_BODY_BYTES + 1)).status == 413


@pytest.mark.parametrize("depth", [21, 150, 30_000])
def test_deeply_nested_json_is_rejected(depth: int, receiver: ReceiverServer) -> None:
    assert receiver.post(b"[" * depth + b"]" * depth).status == 400
    nested = b'{"name": "lesson.retired", "x": ' + b"[" * depth + b"]" * depth + b"}"
    assert receiver.post(nested).status == 400


def test_slow_body_times_out(receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "BODY_TIMEOUT_SECONDS", 0.2)
    with socket.create_connection((HOST, receiver.port), timeout=20) as connection:
        connection.sendall(post_head(receiver.webhook_path(), b"Content-Length: 100") + b'{"name"')
        assert connection.recv(65536).split()[1] == b"408"
        assert connection.recv(65536) == b""


def test_incomplete_body_is_not_stored(receiver: ReceiverServer) -> None:
    head = post_head(receiver.webhook_path(), b"Content-Length: 1000")
    send_raw(receiver, head + json.dumps(completed_event()).encode())


HEADERS: dict[str, tuple[bytes, ...]] = {
    "two lengths": (b"Content-Length: 5", b"Content-Length: 200"),
    "length and chunks": (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "a negative length": (b"Content-Length: -1",),
    "a length that is not a number": (b"Content-Length: x",),
    "a very long length": (b"Content-Length: " + b"9" * 400,),
    "an unknown encoding": (b"Transfer-Encoding: x",),
    "compressed": (b"Content-Encoding: gzip", b"Content-Length: 5"),
    "a very long header": (b"X: " + b"x" * 200_000, b"Content-Length: 5"),
    "a line break in a header": (b"X: a\r\n b: c", b"Content-Length: 5"),
    "another method": (b"X-HTTP-Method-Override: GET", b"Content-Length: 5"),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_malicious_headers_receive_neither_2xx_nor_5xx(
    headers: tuple[bytes, ...], receiver: ReceiverServer
) -> None:
    response = send_raw(receiver, post_head(receiver.webhook_path(), *headers) + b'{"na}')
    assert b"HTTP/1.1 2" not in response
    assert b"HTTP/1.1 5" not in response


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x", "application/xml"])
def test_content_type_other_than_json_is_rejected(kind: str, receiver: ReceiverServer) -> None:
    assert receiver.post(completed_event(), **{"Content-Type": kind}).status == 415


BODIES: dict[str, bytes] = {
    "a very long id": json.dumps(completed_event()).replace('"1233"', "9" * 5000).encode(),
    "an id greater than BIGINT": json.dumps(completed_event(schedule=2**63)).encode(),
    "an infinite id": json.dumps(completed_event()).replace('"1233"', "Infinity").encode(),
    "an id of zero": json.dumps(completed_event(schedule=0)).encode(),
    "a negative id": json.dumps(completed_event(schedule=-1)).encode(),
    "a negative user id": json.dumps(completed_event(user=-1)).encode(),
    "a boolean id": json.dumps({**completed_event(), "userId": True}).encode(),
    "a fraction as id": json.dumps(completed_event(schedule="1.5")).encode(),
    "a null byte": json.dumps(completed_event()).replace("1233", "a\x00b").encode(),
    "no time": json.dumps(completed_event(timeStamp="never")).encode(),
    "a very long name": json.dumps({"name": "x" * 60_000}).encode(),
    "no name": b'{"name": ""}',
    "a list": b"[]",
    "an empty body": b"",
    "two events": json.dumps(completed_event()).encode() * 2,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_invalid_body_is_rejected(body: bytes, receiver: ReceiverServer) -> None:
    response = receiver.post(body)
    assert (response.status, response.json) == (400, {"detail": "The body is not a valid event."})


@pytest.mark.usefixtures("no_reopening")
def test_replayed_event_is_stored_once(receiver: ReceiverServer) -> None:
    body = json.dumps(completed_event()).encode()
    results = [receiver.post(body).json["result"] for _ in range(5)]
    assert results == ["received", *["duplicate"] * 4]
    (row,) = inbox.list_events()
    with transaction() as connection:
        connection.execute(table.delete().where(table.c.id == row["id"]))


def test_comparison_takes_the_same_time_for_all_tokens_and_connections() -> None:
    authenticator = TokenAuthenticator([CONN_ID])
    correct = generate_token()
    authenticator.set_tokens(CONN_ID, [generate_token(), correct])
    kinds = {
        "correct except its last character": (CONN_ID, correct[:-1] + "~"),
        "wrong": (CONN_ID, generate_token()),
        "of another connection": ("other", correct),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(10_000):
        for kind, (conn_id, token) in kinds.items():
            start = time.perf_counter()
            assert not authenticator.is_authorized(conn_id, token, client_host=None)
            times[kind].append(time.perf_counter() - start)
    medians = {kind: statistics.median(seconds) for kind, seconds in times.items()}
    assert max(medians.values()) < 1.3 * min(medians.values()), medians
