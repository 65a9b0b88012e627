"""Both clients raise the same error with the same message after the same requests, for every failure."""

from __future__ import annotations

import gzip
import socket
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraError
from tests.clients.calls import CALLS, GET, POST
from tests.clients.drivers import DRIVERS, settings_for
from tests.clients.servers import closed_port, http_response, raw_server
from tests.clients.tls import certificate
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

each_method = pytest.mark.parametrize("method", list(CALLS))
FAULTS: dict[str, dict[str, Any]] = {
    **{
        str(status): {"kind": "status", "status": status}
        for status in (302, 400, 401, 403, 404, 405, 409, 500)
    },
    "503 in words": {
        "kind": "status",
        "status": 503,
        "body": {"message": "No", "reason": "Busy", "error": "x"},
    },
    "403 with a code": {"kind": "status", "status": 403, "body": {"internalCode": 831, "error": "x"}},
    "success that is none": {"kind": "status", "status": 200, "body": {"error": "Group not found"}},
    "success without sense": {"kind": "status", "status": 200, "body": "garbage"},
    "429": {"kind": "status", "status": 429},
    "429 for long": {"kind": "status", "status": 429, "headers": {"Retry-After": "61"}},
    "drop before": {"kind": "drop_before"},
    "drop after": {"kind": "drop_after"},
    "truncate": {"kind": "truncate"},
    "web page": {"kind": "html", "status": 200},
    "gateway": {"kind": "html"},
    "delay": {"kind": "delay", "delay": 0.2},
}
GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "half a body": b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id"',
    "no gzip": http_response(b"this is not compressed", Content_Encoding="gzip"),
    "not UTF-8": http_response(b'{"ids": "\xff\xfe"}'),
}
Outcome = tuple[type[DamstraError], str, dict[str, Any], int]


def outcome(client: str, call: Any, url: str, **changes: Any) -> Outcome:
    """Return what one client raises, the attributes of its error, and how often it paused."""
    with DRIVERS[client](settings_for(url, max_retries=1, **changes)) as opened:
        error = opened.error(call)
        return type(error), str(error), vars(error), len(opened.sleeps)


def journal_of(emulator: DamstraEmulator, requests: int) -> list[dict[str, Any]]:
    """Return an emulator's journal after a number of requests, without the times."""
    wait_until(lambda: len(emulator.journal()) >= requests, "the emulator has handled the requests")
    return [{**entry, "time": None} for entry in emulator.journal()]


@pytest.mark.parametrize("fault", FAULTS)
@each_method
def test_fault_of_server_is_the_same_error(
    fault: str, method: str, damstra_emulator: DamstraEmulator
) -> None:
    timeout = 0.1 if fault == "delay" else 5.0
    outcomes, journals = [], []
    for client in DRIVERS:
        damstra_emulator.reset()
        damstra_emulator.add_fault(**FAULTS[fault])
        found = outcome(client, CALLS[method], damstra_emulator.url, timeout=timeout)
        outcomes.append(found)
        journals.append(journal_of(damstra_emulator, found[-1] + 1))
    assert outcomes[0] == outcomes[1]
    assert journals[0] == journals[1]


@pytest.mark.parametrize("raw_response", GARBAGE.values(), ids=list(GARBAGE))
@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_invalid_response_is_the_same_error(call: Any, raw_response: bytes) -> None:
    with raw_server(raw_response) as server:
        outcomes = []
        for client in DRIVERS:
            found = outcome(client, call, server.url)
            outcomes.append((*found, len(server.requests)))
            server.requests.clear()
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_refused_connection_is_the_same_error(call: Any) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    assert outcome("sync", call, url) == outcome("async", call, url)


def test_unknown_host_name_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert outcome("sync", GET, "https://nowhere.example") == outcome("async", GET, "https://nowhere.example")


@pytest.mark.parametrize("trusted", [None, "127.0.0.2"])
def test_untrusted_certificate_is_the_same_error(trusted: str | None, tmp_path: Path) -> None:
    bundle, context = certificate(tmp_path, address=trusted or "127.0.0.1")
    changes = {"verify": str(bundle)} if trusted else {}
    with raw_server(http_response(), context=context) as server:
        assert outcome("sync", GET, server.url, **changes) == outcome("async", GET, server.url, **changes)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_of_other_scheme_is_the_same_error(scheme: str, tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    with raw_server(http_response(status=400), context=context if scheme == "http" else None) as server:
        url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        assert outcome("sync", GET, url) == outcome("async", GET, url)


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_compressed_responses_with_long_headers_are_read(size: int) -> None:
    name = "x" * size
    body = gzip.compress(f'{{"id": 1011, "userName": "{name}"}}'.encode())
    raw_response = http_response(body, Content_Encoding="gzip", Content_Security_Policy="p" * 20_000)
    for client in DRIVERS:
        with (
            raw_server(raw_response) as server,
            DRIVERS[client](settings_for(server.url)) as opened,
        ):
            assert opened.call(GET).user_name == name
