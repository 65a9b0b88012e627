"""A proxy of the environment: both faces use it, with its login, and leave it out where they shall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients.connections import Connections
from airflow_provider_damstra.errors import DamstraConfigurationError
from tests.clients.calls import GET, POST
from tests.clients.faces import settings_for
from tests.clients.proxy import tunnel_proxy
from tests.clients.servers import http_answer, raw_server
from tests.clients.tls import certificate
from tests.clients.words import is_for_people

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import OpenFace

USER = http_answer('{"id": 1011}')


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_the_environments_proxy_is_asked_with_its_login(
    variable: str, open_face: OpenFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(USER) as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("http://", "http://ann:p%40ss@"))
        assert open_face("http://damstra.example").call(GET).id == 1011
        (request,) = proxy.requests
    assert request.startswith("GET http://damstra.example/api/v2/user/1011 HTTP/1.1\r\n")
    assert "proxy-authorization: basic yw5uonbac3m=" in request.lower()


def test_who_needs_no_proxy_is_asked_directly(open_face: OpenFace, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(USER) as proxy, raw_server(USER) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert open_face(server.url).call(GET).id == 1011
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_server_with_tls_is_reached_through_a_tunnel(
    scheme: str, open_face: OpenFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server, tunnel_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"{scheme}ann:p%40ss@{proxy.address}")
        face = open_face(server.url, verify=str(bundle))
        assert (face.call(GET).id, face.call(GET).id) == (1011, 1011)
        tunnels = [request.lower() for request in proxy.requests]
    assert len(tunnels) == 2
    for tunnel in tunnels:
        assert tunnel.startswith(f"connect {server.url.removeprefix('https://')} ")
        assert "proxy-authorization: basic yw5uonbac3m=" in tunnel
        assert "accesskey" not in tunnel
    assert all("proxy-authorization" not in request.lower() for request in server.requests)


def test_a_proxy_with_tls_is_trusted_like_the_server(
    open_face: OpenFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server, tunnel_proxy(context=context) as proxy:
        monkeypatch.setenv("https_proxy", f"https://{proxy.address}")
        assert open_face(server.url, verify=str(bundle)).call(GET).id == 1011
        assert open_face(server.url, verify=False).call(GET).id == 1011
        assert "certificate" in str(open_face(server.url).error(GET))
        assert len(proxy.requests) == 2


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_proxy_without_a_port_has_that_of_its_scheme(
    scheme: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", f"{scheme}://proxy.example")
    for server in ("http://damstra.example", "https://damstra.example"):
        connection = Connections(settings_for(server)).new()
        assert (connection.host, connection.port) == ("proxy.example", port)


def test_a_proxy_that_refuses_is_a_clear_error(open_face: OpenFace, monkeypatch: pytest.MonkeyPatch) -> None:
    with tunnel_proxy(refusal="407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        error = open_face("https://damstra.example", max_retries=0).error(POST)
    assert "407 Proxy Authentication Required" in str(error)
    assert is_for_people(str(error)), str(error)
    assert not error.outcome_unknown


def test_a_proxy_of_another_kind_is_refused(open_face: OpenFace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1080")
    with pytest.raises(
        DamstraConfigurationError, match="is a socks5 proxy, and only http and https"
    ) as caught:
        open_face("http://damstra.example").call(GET)
    assert "Set http_proxy to one, or name damstra.example in no_proxy" in str(caught.value)
