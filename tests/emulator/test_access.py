"""Who may use the emulator: programs on this machine with the access key, and no web page."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import requests
from starlette.testclient import TestClient

from airflow_provider_damstra.emulator import __main__ as command
from airflow_provider_damstra.emulator.access import MAX_BODY_MIB
from airflow_provider_damstra.emulator.server import create_app
from airflow_provider_damstra.emulator.settings import DEFAULT_ACCESS_KEY, Settings
from tests.emulator.api_client import ApiClient, call_control_plane

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

JSON = {"Content-Type": "application/json"}


def control_status(settings: Settings, *, client: str = "127.0.0.1", host: str = "127.0.0.1") -> int:
    """Return the status of a request to the control plane from a client, with a Host header."""
    app = create_app(settings)
    with TestClient(app, client=(client, 50000), base_url="http://127.0.0.1") as http:
        return http.get("/_emulator/clock", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    ("client", "status"),
    [
        ("127.0.0.1", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("10.0.0.7", 403),
        ("::ffff:10.0.0.7", 403),
    ],
)
def test_control_plane_rejects_remote_clients(client: str, status: int) -> None:
    assert control_status(Settings(seed="empty"), client=client) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8090", 200),
        ("LocalHost:8090", 200),
        ("[::1]:8090", 200),
        ("emulator.localhost", 200),
        ("rebound.example", 421),
        ("localhost.rebound.example", 421),
        ("127.0.0.1.rebound.example", 421),
        ("10.0.0.7:8090", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_only_loopback_host_names_are_served(host: str, status: int) -> None:
    assert control_status(Settings(seed="empty"), host=host) == status


@pytest.mark.parametrize(
    ("allowed_hosts", "host", "status"),
    [
        (("emulator",), "Emulator:8090", 200),
        (("emulator",), "other:8090", 421),
        (("*",), "other:8090", 200),
    ],
)
def test_allowed_host_names_are_served(allowed_hosts: tuple[str, ...], host: str, status: int) -> None:
    assert control_status(Settings(seed="empty", allowed_hosts=allowed_hosts), host=host) == status


def test_foreign_host_name_is_rejected_by_api_and_not_recorded(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    response = api.request("GET", "/user", headers={"Host": "rebound.example"})
    assert response.status_code == 421
    assert "'rebound.example' is not allowed: name it with --allow-host" in response.json()["error"]
    assert emulator.journal() == []


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://bad.example", 403),
        ("null", 403),
        ("http://127.0.0.1:1", 403),
        ("https://127.0.0.1", 403),
        ("the emulator's", 200),
    ],
)
@pytest.mark.parametrize("path", ["/_emulator/reset", "/_emulator/faults"])
def test_request_of_foreign_web_page_is_rejected(
    origin: str, status: int, path: str, emulator: DamstraEmulator
) -> None:
    headers = {**JSON, "Origin": emulator.url if status == 200 else origin}
    method = "POST" if path.endswith("reset") else "DELETE"
    response = requests.request(method, emulator.url + path, headers=headers, timeout=10)
    assert response.status_code == (204 if status == 200 and method == "DELETE" else status)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/reset", None),
        ("POST", "/reset", b'{"seed": "empty"}'),
        ("POST", "/lesson_schedules/30006/cancel", None),
        ("PUT", "/clock", b'{"now": "2026-01-31T09:00:00Z"}'),
    ],
)
def test_change_without_json_content_type_is_rejected(
    content_type: str | None, method: str, path: str, body: bytes | None, emulator: DamstraEmulator
) -> None:
    emulator.add_fault("status", status=500)
    headers = {} if content_type is None else {"Content-Type": content_type}
    url = f"{emulator.url}/_emulator{path}"
    response = requests.request(method, url, data=body, headers=headers, timeout=10)
    assert response.status_code == 415
    assert "application/json" in response.json()["error"]
    assert len(call_control_plane(emulator, "GET", "/faults").json()) == 1


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Content-Length: {MAX_BODY_MIB * 1024 * 1024 + 1}", b"413"),
        ("Transfer-Encoding: chunked", b"411"),
        # The key is wrong.
        (f"Content-Length: {MAX_BODY_MIB * 1024 * 1024}", b"403"),
    ],
    ids=["too large", "chunked", "wrong key"],
)
def test_request_is_rejected_before_its_body_is_sent(
    header: str, status: bytes, emulator: DamstraEmulator
) -> None:
    host = emulator.url.removeprefix("http://")
    head = (
        f"POST /api/v2/group HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{header}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 " + status


def test_json_content_type_may_have_parameters(emulator: DamstraEmulator) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert requests.post(f"{emulator.url}/_emulator/reset", headers=headers, timeout=10).ok


@pytest.fixture
def used_settings(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Return the settings with which the command creates servers, which do not run."""
    created: list[Settings] = []

    class Server:
        def __init__(self, settings: Settings) -> None:
            created.append(settings)

        def run(self, *_: Any) -> None:
            """End at once."""

    monkeypatch.setattr("airflow_provider_damstra.emulator.server.create_server", Server)
    return created


@pytest.mark.parametrize(
    ("arguments", "variable", "expected"),
    [
        ([], None, DEFAULT_ACCESS_KEY),
        ([], "of-variable", "of-variable"),
        (["--access-key-file", "key.txt"], "of-variable", "of-file"),
        (["--access-key", "of-option"], "of-variable", "of-option"),
    ],
)
def test_access_key_is_read_from_option_file_or_variable(
    arguments: list[str],
    variable: str | None,
    expected: str,
    used_settings: list[Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.txt").write_text("of-file\n")
    if variable:
        monkeypatch.setenv("DAMSTRA_EMULATOR_ACCESS_KEY", variable)
    assert command.main(["--port", "0", "--allow-host", "emulator", *arguments]) == 0
    (settings,) = used_settings
    assert settings.access_key == expected
    assert settings.allowed_hosts == ("emulator", "127.0.0.1")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "the access key cannot be read from key.txt: No such file or directory"),
        (b"\xff\xfe", "the access key cannot be read from key.txt: it is not text"),
        (b"\n", "the access key must be visible ASCII characters without spaces"),
        (b"two keys", "the access key must be visible ASCII characters without spaces"),
    ],
)
def test_unusable_file_with_access_key_is_rejected_without_showing_it(
    content: bytes | None,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "key.txt").write_bytes(content)
    assert command.main(["--access-key-file", "key.txt"]) == 2
    assert capsys.readouterr().err == f"damstra-emulator: {expected}\n"
