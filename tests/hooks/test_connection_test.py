"""The connection test: one request, and a message that names the part that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.clients.messages import is_plain_message
from tests.clients.servers import closed_port, http_response, raw_server
from tests.clients.tls import certificate
from tests.hooks.connections import connection_json

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator


def run_connection_test(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> tuple[bool, str]:
    """Return the result of the connection test for a connection."""
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(**connection))
    return DamstraHook(damstra_conn_id="lms").test_connection()


def assert_fails(result: tuple[bool, str], start: str) -> None:
    """Check that a connection test failed with a readable message of one line."""
    is_valid, message = result
    assert not is_valid
    assert message.startswith(start), message
    assert is_plain_message(message), message


def test_valid_connection_sends_one_get_for_one_user(damstra_emulator: DamstraEmulator) -> None:
    host = damstra_emulator.url.removeprefix("http://")
    assert DamstraHook().test_connection() == (True, f"Connected to {host}: the access key is accepted.")
    (request,) = damstra_emulator.journal()
    assert (request["method"], request["path"], request["status"]) == ("GET", "/user", 200)
    assert request["query"] == {"startIndex": "0", "maxResults": "1"}


def test_account_without_users_succeeds(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=200, body={"results": [], "meta": {"totalResultCount": 0}})
    assert DamstraHook().test_connection()[0]
    assert len(damstra_emulator.journal()) == 1


def test_wrong_key_is_reported(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_connection_test(monkeypatch, host=damstra_emulator.url, password="wrong-key")
    assert_fails(result, "Key problem: the server is reachable, but rejects the access key. ")
    assert len(damstra_emulator.journal()) == 1


PERMISSION = {"internalCode": 831, "error": "Not authorised"}
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "status", "status": 403, "body": PERMISSION}, "Permission problem: "),
    ({"kind": "status", "status": 404, "body": "<h1>Not here</h1>"}, "Address problem: "),
    ({"kind": "html", "status": 200}, "Address problem: "),
    (
        {"kind": "status", "status": 302, "headers": {"Location": "https://elsewhere.example/"}},
        "Address problem: ",
    ),
    ({"kind": "status", "status": 503}, "Damstra responds, but with an error. "),
    (
        {"kind": "status", "status": 429, "headers": {"Retry-After": "9"}},
        "Damstra responds, but with an error. ",
    ),
    ({"kind": "drop_before"}, "Network problem. "),
    ({"kind": "drop_after"}, "Network problem. "),
]


@pytest.mark.parametrize(("fault", "start"), FAULTS)
def test_fault_is_classified_after_one_get(
    fault: dict[str, Any], start: str, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(**fault)
    assert_fails(DamstraHook().test_connection(), start)
    assert len(damstra_emulator.journal()) == 1


def test_wrong_path_is_reported(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_connection_test(
        monkeypatch, host=f"{damstra_emulator.url}/api/v9", password=damstra_emulator.access_key
    )
    assert_fails(result, "Address problem: ")


def test_refused_connection_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    result = run_connection_test(monkeypatch, host="http://127.0.0.1", port=port)
    assert_fails(result, "Network problem. ")
    assert f"127.0.0.1:{port}: connection refused" in result[1]


def test_untrusted_certificate_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    with raw_server(http_response(), context=context) as server:
        result = run_connection_test(monkeypatch, host=server.url)
        assert server.connections == 1
        assert server.requests == []
    assert_fails(result, "TLS problem. ")
    assert "self-signed certificate" in result[1]


def test_http_server_behind_https_address_is_reported_without_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with raw_server(http_response()) as server:
        result = run_connection_test(monkeypatch, host=server.url.removeprefix("http://"))
    assert_fails(result, "TLS problem. ")
    assert "does not use TLS on this port. If its address begins with http://, write it so" in result[1]
    assert "certificate" not in result[1]


@pytest.mark.parametrize(
    "connection",
    [
        {"password": ""},
        {"host": "http://app.velpic.com"},
        {"extra": {"timeout": "soon"}},
        {"extra": {"nonsense": 1}},
        {"extra": {"verify": "/no/such/bundle.pem"}},
    ],
)
def test_invalid_connection_is_reported(connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_fails(
        run_connection_test(monkeypatch, **connection),
        "The connection is not configured correctly. Connection 'lms'",
    )
