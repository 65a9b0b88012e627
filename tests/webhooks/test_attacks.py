"""What the open internet may try on the receiver: nothing is stored, nothing leaks, and it goes on."""

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

from airflow_provider_damstra.webhooks import inbox, parsing
from airflow_provider_damstra.webhooks.auth import TokenAuthenticator, generate_token
from airflow_provider_damstra.webhooks.db.manager import get_engine
from airflow_provider_damstra.webhooks.db.manager import inbox_table as table
from airflow_provider_damstra.webhooks.db.transactions import transaction
from tests.airflow_compat import http_access_log
from tests.webhooks.receiver_server import CONN_ID, HOST, ReceiverServer, completed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = b"Content-Type: application/json\r\n"
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def _nothing_is_left(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """See after each attack that nothing was stored, no token logged, and that the receiver still works."""
    requests: list[str] = []
    recorder = SimpleNamespace(info=lambda *words, **more: requests.append(f"{words} {more}"))
    if http_access_log is not None:
        monkeypatch.setattr(http_access_log, "logger", recorder)
    yield
    assert inbox.list_events() == []
    assert receiver.post(completed()).json == {"result": "received"}
    logged = unquote(caplog.text + "".join(requests))
    assert "/damstra/webhooks/damstra_default/***" in logged
    assert receiver.token not in logged
    assert "Traceback" not in logged


def shown(answer: Any) -> tuple[Any, ...]:
    """Return all of an answer that somebody can see, but for the time."""
    return answer.status, {**answer.headers, "date": ""}, answer.body


def raw(served: ReceiverServer, request: bytes, *, more: bytes = b"", times: int = 1) -> bytes:
    """Send bytes as they are and return what comes back, until the server closes the connection."""
    with socket.create_connection((HOST, served.port), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(request)
            for _ in range(times):
                connection.sendall(more)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                answer += chunk
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def posting(path: str, *headers: bytes) -> bytes:
    return b"".join(
        [f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode(), JSON, *(h + b"\r\n" for h in headers), b"\r\n"]
    )


STRANGERS: dict[str, Callable[[ReceiverServer], str]] = {
    "a wrong token": lambda served: served.address(token=generate_token()),
    "the right one but for its end": lambda served: served.address(token=served.token[:-1] + "~"),
    "the right one and more": lambda served: served.address(token=served.token + "x"),
    "the right one in capitals": lambda served: served.address(token=served.token.swapcase()),
    "a part of it": lambda served: served.address(token=served.token[:20]),
    "no token": lambda served: "/damstra/webhooks/damstra_default/",
    "no connection": lambda served: f"/damstra/webhooks/{served.token}",
    "another connection": lambda served: served.address(conn_id="other"),
    "a connection in capitals": lambda served: served.address(conn_id=CONN_ID.upper()),
    "an empty connection": lambda served: f"/damstra/webhooks//{served.token}",
    "a very long token": lambda served: served.address(token="x" * 20_000),
    "bytes": lambda served: served.address(token="%ff%fe%00" * 20),
    "the end of a path": lambda served: served.address() + "/",
    "more path": lambda served: served.address() + "/more",
    "a null byte": lambda served: served.address() + "%00",
    "a parameter": lambda served: served.address() + ";x=1",
    "dots": lambda served: f"/damstra/webhooks/{CONN_ID}/../{CONN_ID}/{served.token}",
    "encoded dots": lambda served: f"/damstra/webhooks/{CONN_ID}/%2e%2e/{CONN_ID}/{served.token}",
    "an encoded slash": lambda served: f"/damstra/webhooks/{CONN_ID}%2F{served.token}%2Fx",
    "slashes": lambda served: f"/damstra/webhooks/{CONN_ID}///{served.token}/x",
    "another place": lambda served: f"/damstra/webhook/{CONN_ID}",
    "the feed": lambda served: f"/damstra/feed/{CONN_ID}",
    "nothing": lambda served: "/damstra/",
}


def test_every_stranger_is_answered_alike(receiver: ReceiverServer) -> None:
    answers = {kind: shown(receiver.post(completed(), path(receiver))) for kind, path in STRANGERS.items()}
    assert {answer[0] for answer in answers.values()} == {404}
    assert len(set(map(str, answers.values()))) == 1, answers


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_other_method_is_known(method: str, receiver: ReceiverServer) -> None:
    body = json.dumps(completed()).encode()
    known = receiver.ask(method, receiver.address(), body)
    unknown = receiver.ask(method, receiver.address(token=generate_token()), body)
    assert (known.status, shown(known)) == (404, shown(unknown))


def test_a_stranger_costs_no_question_to_the_database(receiver: ReceiverServer) -> None:
    asked: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    get_engine().dispose()
    sqlalchemy_event.listen(get_engine(), "before_cursor_execute", listen)
    for number in range(50):
        receiver.post(completed(), receiver.address(conn_id=f"c{number}"))
        receiver.post(completed(), receiver.address(token=generate_token()))
    assert [statement for statement in asked if "damstra_webhook_inbox" not in statement] == []
    assert [statement for statement in asked if statement.startswith("INSERT")] == []


def test_ten_megabytes_are_not_read(receiver: ReceiverServer) -> None:
    length = b"Content-Length: %d" % (10 * MEGABYTE)
    for path, status in ((receiver.address(), b"413"), (receiver.address(token=generate_token()), b"404")):
        answer = raw(receiver, posting(path, length), more=b"x" * MEGABYTE, times=10)
        assert answer in (b"",) or answer.split()[1] == status
    assert receiver.post(b"x" * (parsing.MAX_BODY_BYTES + 1)).status == 413


def test_chunks_without_end_are_not_read(receiver: ReceiverServer) -> None:
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    request = posting(receiver.address(), b"Transfer-Encoding: chunked")
    answer = raw(receiver, request, more=chunk, times=50)
    assert answer == b"" or answer.split()[1] == b"413"


def test_a_body_of_the_largest_size_is_read(receiver: ReceiverServer) -> None:
    assert receiver.post(b" " * parsing.MAX_BODY_BYTES).status == 400
    assert receiver.post(b" " * (parsing.MAX_BODY_BYTES + 1)).status == 413


@pytest.mark.parametrize("depth", [21, 150, 30_000])
def test_deep_json_is_refused(depth: int, receiver: ReceiverServer) -> None:
    assert receiver.post(b"[" * depth + b"]" * depth).status == 400
    nested = b'{"name": "lesson.retired", "x": ' + b"[" * depth + b"]" * depth + b"}"
    assert receiver.post(nested).status == 400


def test_a_slow_body_is_not_waited_for(receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "BODY_TIMEOUT_SECONDS", 0.2)
    with socket.create_connection((HOST, receiver.port), timeout=20) as connection:
        connection.sendall(posting(receiver.address(), b"Content-Length: 100") + b'{"name"')
        answer = connection.recv(65536)
        assert answer.split()[1] == b"408"
        assert connection.recv(65536) == b""


def test_a_body_that_breaks_off_is_nothing(receiver: ReceiverServer) -> None:
    raw(receiver, posting(receiver.address(), b"Content-Length: 1000") + json.dumps(completed()).encode())


HEADERS: dict[str, tuple[bytes, ...]] = {
    "two lengths": (b"Content-Length: 5", b"Content-Length: 200"),
    "length and chunks": (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "a negative length": (b"Content-Length: -1",),
    "a length that is no number": (b"Content-Length: x",),
    "an endless length": (b"Content-Length: " + b"9" * 400,),
    "an unknown encoding": (b"Transfer-Encoding: x",),
    "compressed": (b"Content-Encoding: gzip", b"Content-Length: 5"),
    "a header without end": (b"X: " + b"x" * 200_000, b"Content-Length: 5"),
    "a line in a header": (b"X: a\r\n b: c", b"Content-Length: 5"),
    "another method": (b"X-HTTP-Method-Override: GET", b"Content-Length: 5"),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_tricks_with_headers_do_nothing(headers: tuple[bytes, ...], receiver: ReceiverServer) -> None:
    answer = raw(receiver, posting(receiver.address(), *headers) + b'{"na}')
    assert b"HTTP/1.1 2" not in answer
    assert b"HTTP/1.1 5" not in answer


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x", "application/xml"])
def test_only_json_is_taken(kind: str, receiver: ReceiverServer) -> None:
    assert receiver.post(completed(), **{"Content-Type": kind}).status == 415


BODIES: dict[str, bytes] = {
    "an id without end": json.dumps(completed()).replace('"1233"', "9" * 5000).encode(),
    "an id that no database holds": json.dumps(completed(schedule=2**63)).encode(),
    "an infinite id": json.dumps(completed()).replace('"1233"', "Infinity").encode(),
    "a null byte": json.dumps(completed(comment="a\x00b")).encode(),
    "half a character": b'{"name": "lesson.retired", "x": "\\ud800"}',
    "no UTF-8": b'{"name": "\xff"}',
    "a time out of range": json.dumps(completed(timeStamp="9999-12-31T23:59:59-14:00")).encode(),
    "no time": json.dumps(completed(timeStamp="never")).encode(),
    "a name without end": json.dumps({"name": "x" * 60_000}).encode(),
    "no name": b'{"name": ""}',
    "a list": b"[]",
    "nothing": b"",
    "two": json.dumps(completed()).encode() * 2,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_event_is_refused(body: bytes, receiver: ReceiverServer) -> None:
    answer = receiver.post(body)
    assert (answer.status, answer.json) == (400, {"detail": "The body is no event."})


@pytest.mark.usefixtures("refused_for_good")
def test_a_replay_is_one_event(receiver: ReceiverServer) -> None:
    body = json.dumps(completed()).encode()
    answers = [receiver.post(body).json["result"] for _ in range(5)]
    assert answers == ["received", *["duplicate"] * 4]
    (row,) = inbox.list_events()
    with transaction() as connection:
        connection.execute(table.delete().where(table.c.id == row["id"]))


def test_a_token_cannot_be_guessed_by_the_clock() -> None:
    authenticator = TokenAuthenticator([CONN_ID])
    right = generate_token()
    authenticator.set_tokens(CONN_ID, [generate_token(), right])
    kinds = {
        "right but for the end": (CONN_ID, right[:-1] + "~"),
        "wrong": (CONN_ID, generate_token()),
        "of another connection": ("other", right),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(10_000):
        for kind, (conn_id, token) in kinds.items():
            began = time.perf_counter()
            assert not authenticator.is_authorized(conn_id, token, client_host=None)
            times[kind].append(time.perf_counter() - began)
    medians = {kind: statistics.median(its) for kind, its in times.items()}
    assert max(medians.values()) < 1.3 * min(medians.values()), medians
