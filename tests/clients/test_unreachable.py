"""A server that cannot be reached or trusted: one clear sentence that names it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraError, DamstraTransportError, is_permanent
from tests.clients.calls import GET, POST
from tests.clients.messages import is_plain_message
from tests.clients.servers import closed_port, http_response, raw_server
from tests.clients.tls import certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import OpenClient

USER = http_response('{"id": 1011}')


def assert_clear(error: DamstraError, host: str) -> None:
    """Check that an error is for people, and that nothing was sent."""
    assert type(error) is DamstraTransportError
    assert host in str(error)
    assert is_plain_message(str(error)), str(error)
    assert len(str(error)) < 350
    assert not error.outcome_unknown
    assert error.request is not None


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_refused_connection_is_retried(call: Any, open_client: OpenClient) -> None:
    host = f"127.0.0.1:{closed_port()}"
    client = open_client(f"http://{host}", max_retries=2)
    error = client.error(call)
    assert_clear(error, host)
    assert f"received no response from {host}: connection refused. The request was not sent" in str(error)
    assert "check the connection's host and port" in str(error)
    assert len(client.sleeps) == 2


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_unknown_host_name_is_retried(
    call: Any, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = open_client("https://nowhere.example", max_retries=2)
    error = client.error(call)
    assert_clear(error, "nowhere.example")
    assert "its name cannot be resolved" in str(error)
    assert len(client.sleeps) == 2


def test_self_signed_certificate_is_not_retried(open_client: OpenClient, tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server:
        client = open_client(server.url)
        error = client.error(GET)
        assert_clear(error, server.url.removeprefix("https://"))
        assert "self-signed certificate" in str(error)
        assert "set the extra verify to its CA bundle" in str(error)
        assert isinstance(error, DamstraTransportError)
        assert not error.is_transient
        assert client.sleeps == []
        assert server.requests == []


def test_certificate_of_another_host_raises(open_client: OpenClient, tmp_path: Path) -> None:
    bundle, context = certificate(tmp_path, address="127.0.0.2")
    with raw_server(USER, context=context) as server:
        error = open_client(server.url, verify=str(bundle)).error(GET)
        assert_clear(error, server.url.removeprefix("https://"))
        assert "127.0.0.1" in str(error)
        assert ".." not in str(error)
        assert server.requests == []


def test_server_without_tls_raises_descriptive_error(open_client: OpenClient) -> None:
    with raw_server(USER) as server:
        host = server.url.removeprefix("http://")
        error = open_client(f"https://{host}", max_retries=0).error(GET)
        assert_clear(error, host)
        assert "TLS" in str(error)


def test_connection_closed_in_tls_handshake_is_retried(open_client: OpenClient) -> None:
    with raw_server(b"") as server:
        client = open_client(server.url.replace("http", "https"), max_retries=2)
        error = client.error(POST)
        assert_clear(error, server.url.removeprefix("http://"))
        assert "the connection was closed before a response arrived. The request was not sent" in str(error)
        assert server.connections == 3


def test_ca_bundle_of_connection_is_used(open_client: OpenClient, tmp_path: Path) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server:
        assert open_client(server.url, verify=str(bundle)).call(GET).id == 1011


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_ca_bundle_of_environment_is_used(
    variable: str, open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    monkeypatch.setenv(variable, str(bundle))
    with raw_server(USER, context=context) as server:
        assert open_client(server.url).call(GET).id == 1011


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verify_false_takes_precedence_over_the_environment(
    open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate(tmp_path, address="127.0.0.2")[0]))
    _, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server:
        assert open_client(server.url, verify=False).call(GET).id == 1011


@pytest.mark.parametrize("content", [b"", b"not a certificate", None])
def test_invalid_ca_bundle_raises_descriptive_error(
    content: bytes | None, open_client: OpenClient, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    _, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server:
        with pytest.raises(DamstraError) as caught:
            open_client(server.url, verify=str(bundle)).call(GET)
        assert is_permanent(caught.value)
        assert str(bundle) in str(caught.value)
        assert is_plain_message(str(caught.value)), str(caught.value)
        assert server.requests == []


@pytest.mark.parametrize("raw_response", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
def test_server_of_another_protocol_raises_transport_error(
    raw_response: bytes, open_client: OpenClient
) -> None:
    with raw_server(raw_response) as server:
        error = open_client(server.url, max_retries=0).error(POST)
        assert type(error) is DamstraTransportError
        assert server.url.removeprefix("http://") in str(error)
        assert is_plain_message(str(error)), str(error)
        assert error.outcome_unknown
        assert len(server.requests) == 1


def test_connect_timeout_raises_descriptive_error(open_client: OpenClient) -> None:
    # No connection is accepted and the backlog of one is full, so further connections are left pending.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        callers = [socket.socket() for _ in range(3)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        error = open_client(f"http://{host}", timeout=0.2, max_retries=0).error(POST)
        for caller in callers:
            caller.close()
    assert_clear(error, host)
    assert "no connection within 0.2 s" in str(error)
