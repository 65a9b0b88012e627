"""The connection test: one request, and in plain words which part of the connection is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.clients.messages import is_plain_message
from tests.clients.servers import closed_port, http_answer, raw_server
from tests.clients.tls import certificate
from tests.hooks.connections import environment

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator


def check(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> tuple[bool, str]:
    """Return what the connection test says of a connection."""
    monkeypatch.setenv("AIRFLOW_CONN_LMS", environment(**connection))
    return DamstraHook(damstra_conn_id="lms").test_connection()


def assert_clear(said: tuple[bool, str], start: str) -> None:
    """Check that a test failed for a reason, in one line for people."""
    is_usable, why = said
    assert not is_usable
    assert why.startswith(start), why
    assert is_plain_message(why), why


def test_a_usable_connection_takes_one_get_for_one_user(damstra_emulator: DamstraEmulator) -> None:
    host = damstra_emulator.url.removeprefix("http://")
    assert DamstraHook().test_connection() == (True, f"Connected to {host}: the access key is accepted.")
    (asked,) = damstra_emulator.journal()
    assert (asked["method"], asked["path"], asked["status"]) == ("GET", "/user", 200)
    assert asked["query"] == {"startIndex": "0", "maxResults": "1"}


def test_an_account_without_users_is_usable(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=200, body={"results": [], "meta": {"totalResultCount": 0}})
    assert DamstraHook().test_connection()[0]
    assert len(damstra_emulator.journal()) == 1


def test_a_wrong_key(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    said = check(monkeypatch, host=damstra_emulator.url, password="wrong-key")
    assert_clear(said, "Key problem: the server is there, but refuses the access key. ")
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
    ({"kind": "status", "status": 503}, "Damstra answers, but with an error. "),
    (
        {"kind": "status", "status": 429, "headers": {"Retry-After": "9"}},
        "Damstra answers, but with an error. ",
    ),
    ({"kind": "drop_before"}, "Network problem. "),
    ({"kind": "drop_after"}, "Network problem. "),
]


@pytest.mark.parametrize(("fault", "start"), FAULTS)
def test_each_problem_is_called_by_its_name_after_one_get(
    fault: dict[str, Any], start: str, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(**fault)
    assert_clear(DamstraHook().test_connection(), start)
    assert len(damstra_emulator.journal()) == 1


def test_a_wrong_path(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    said = check(monkeypatch, host=f"{damstra_emulator.url}/api/v9", password=damstra_emulator.access_key)
    assert_clear(said, "Address problem: ")


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    said = check(monkeypatch, host="http://127.0.0.1", port=port)
    assert_clear(said, "Network problem. ")
    assert f"127.0.0.1:{port}: connection refused" in said[1]


def test_a_certificate_that_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    with raw_server(http_answer(), context=context) as server:
        said = check(monkeypatch, host=server.url)
        assert server.connections == 1
        assert server.requests == []
    assert_clear(said, "TLS problem: the server's certificate is not trusted. ")


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
def test_a_connection_that_is_not_filled_in_right(
    connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_clear(check(monkeypatch, **connection), "The connection is not filled in right. Connection 'lms'")
