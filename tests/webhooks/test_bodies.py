"""Bodies that are not clean JSON, headers of careless senders, and a busy server."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks import receiver as receiver_module
from airflow_provider_damstra.webhooks.receiver import read_body
from tests.webhooks.receiver_server import ReceiverServer, completed_event
from tests.webhooks.unclean_bodies import UNCLEAN

if TYPE_CHECKING:
    from starlette.types import Message


each_unclean_body = pytest.mark.parametrize(("body", "comment"), UNCLEAN.values(), ids=UNCLEAN)


@each_unclean_body
def test_unclean_body_is_received(body: bytes, comment: str, receiver: ReceiverServer) -> None:
    assert receiver.post(body).json == {"result": "received"}
    assert receiver.post_missed(body).json == {"result": "duplicate"}
    (row,) = inbox.list_events()
    assert (row["payload"]["comment"], row["payload"]["lesson_schedule_id"]) == (comment, 1233)


@pytest.mark.parametrize("name", [r"lesson.\ud83d", r"\u0000", r"\ufeff"])
def test_name_with_unstorable_characters_is_received(name: str, receiver: ReceiverServer) -> None:
    assert receiver.post(f'{{"name": "{name}", "{name}": 1}}'.encode()).json == {"result": "received"}


HEADERS: list[tuple[dict[str, str], int]] = [
    ({"Content-Encoding": "identity"}, 200),
    ({"Content-Encoding": "IDENTITY, identity"}, 200),
    ({"Content-Encoding": "utf-8"}, 200),
    ({"Content-Encoding": "UTF8"}, 200),
    ({"Content-Encoding": ""}, 200),
    ({"Content-Encoding": " , "}, 200),
    ({"Content-Encoding": "none"}, 200),
    ({"Content-Type": ""}, 200),
    ({"Content-Type": "Application/JSON;charset=utf-8"}, 200),
    ({"Content-Encoding": "gzip"}, 415),
    ({"Content-Encoding": "identity, GZip"}, 415),
    ({"Content-Encoding": "x-gzip"}, 415),
    ({"Content-Encoding": "deflate"}, 415),
    ({"Content-Encoding": "br"}, 415),
    ({"Content-Encoding": "zstd"}, 415),
    ({"Content-Type": "text/plain"}, 415),
]


@pytest.mark.parametrize(("headers", "status"), HEADERS)
def test_only_compression_and_other_formats_are_rejected(
    headers: dict[str, str], status: int, receiver: ReceiverServer
) -> None:
    assert receiver.post(completed_event(), **headers).status == status


def request_with(*chunks: bytes, busy_for: float = 0) -> Request:
    """Return a request whose chunks the event loop reads late, because it is busy for some seconds before."""
    pending: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    pending[-1]["more_body"] = False

    async def receive() -> Any:
        arrived = asyncio.get_running_loop().create_future()

        def block() -> None:
            time.sleep(busy_for)
            # As a server does: read the socket in the next iteration, parse it, and wake the request's task.
            _call_after_iterations(3, partial(arrived.set_result, None))

        asyncio.get_running_loop().call_soon(block)
        await arrived
        return pending.pop(0)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def _call_after_iterations(count: int, function: Any) -> None:
    loop = asyncio.get_running_loop()
    loop.call_soon(function if count == 0 else lambda: _call_after_iterations(count - 1, function))


def test_body_that_arrived_while_the_event_loop_was_busy_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "BODY_TIMEOUT_SECONDS", 0.05)
    assert asyncio.run(read_body(request_with(b"{", b"}", busy_for=0.1))) == b"{}"


def test_body_that_never_arrives_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(receiver_module, "BODY_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(HTTPException) as raised:
        asyncio.run(read_body(Request({"type": "http", "method": "POST", "headers": []}, receive)))
    assert raised.value.status_code == 408
