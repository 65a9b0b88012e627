"""The environment's proxies: which requests go through them, with which login, and what fails clearly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients import environment
from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.errors import DamstraConfigurationError
from tests.clients.calls import GET, POST
from tests.clients.drivers import SyncDriver, settings_for
from tests.clients.messages import is_plain_message
from tests.clients.proxy import socks_proxy, tunnel_proxy
from tests.clients.servers import closed_port, http_response, raw_server
from tests.clients.tls import certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import OpenClient

USER = http_response('{"id": 1011}')


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_requests_go_through_the_environments_proxy_with_its_login(
    variable: str, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(USER) as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("http://", "http://ann:p%40ss@"))
        assert open_client("http://damstra.example").call(GET).id == 1011
        (request,) = proxy.requests
    assert request.startswith("GET http://damstra.example/api/v2/user/1011 HTTP/1.1\r\n")
    assert "proxy-authorization: basic yw5uonbac3m=" in request.lower()


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "127.0.0.0/8", "other.example,127.0.0.1", "*"])
def test_no_proxy_leads_to_direct_connection(
    no_proxy: str, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(USER) as proxy, raw_server(USER) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", no_proxy)
        assert open_client(server.url).call(GET).id == 1011
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_tls_server_is_reached_through_tunnel_without_access_key_for_proxy(
    scheme: str, open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server, tunnel_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"{scheme}ann:p%40ss@{proxy.address}")
        client = open_client(server.url, verify=str(bundle))
        assert (client.call(GET).id, client.call(GET).id) == (1011, 1011)
        tunnels = [request.lower() for request in proxy.requests]
    assert len(tunnels) == 2
    for tunnel in tunnels:
        assert tunnel.startswith(f"connect {server.url.removeprefix('https://')} ")
        assert "proxy-authorization: basic yw5uonbac3m=" in tunnel
        assert "accesskey" not in tunnel
    assert all("proxy-authorization" not in request.lower() for request in server.requests)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verify_applies_to_tls_proxy(
    open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server, tunnel_proxy(context=context) as proxy:
        monkeypatch.setenv("https_proxy", f"https://{proxy.address}")
        assert open_client(server.url, verify=str(bundle)).call(GET).id == 1011
        assert open_client(server.url, verify=False).call(GET).id == 1011
        assert "certificate" in str(open_client(server.url).error(GET))
        assert len(proxy.requests) == 2


def test_post_is_sent_once_when_proxy_closes_connection_after_reading_it(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(b"") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        error = open_client("http://damstra.example").error(POST)
    assert error.outcome_unknown
    assert len(proxy.requests) == 1


def test_post_is_sent_once_when_connection_breaks_behind_tunnel(
    open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(b"", context=context) as server, tunnel_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        error = open_client(server.url, verify=str(bundle)).error(POST)
    assert error.outcome_unknown
    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_post_is_repeated_while_proxy_is_unreachable(
    scheme: str, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{closed_port()}")
    client = open_client(f"{scheme}://damstra.example", max_retries=2)
    error = client.error(POST)
    assert not error.outcome_unknown
    assert "connection refused. The request was not sent" in str(error)
    assert len(client.sleeps) == 2


def test_proxy_that_refuses_to_connect_raises_descriptive_error(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tunnel_proxy(refusal="407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        error = open_client("https://damstra.example", max_retries=0).error(POST)
    assert "407 Proxy Authentication Required" in str(error)
    assert is_plain_message(str(error)), str(error)
    assert not error.outcome_unknown


def test_proxy_of_unknown_kind_is_rejected(open_client: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "ftp://proxy.example:1080")
    with pytest.raises(DamstraConfigurationError, match="is a ftp proxy, and only http and https") as caught:
        open_client("http://damstra.example").call(GET)
    assert "Set http_proxy to one, or name damstra.example in no_proxy" in str(caught.value)


@pytest.mark.parametrize("rest", ["host:port", "[::1", "", ":3128", "host:0", "a:ge/heim@host:1"])
def test_invalid_proxy_url_is_rejected_and_not_shown(
    rest: str, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://{rest}")
    with pytest.raises(DamstraConfigurationError, match="is invalid: check https_proxy") as caught:
        open_client("https://damstra.example").call(POST)
    assert not rest or rest not in str(caught.value)
    assert caught.value.__context__ is None


def test_async_client_rejects_socks_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1080")
    with pytest.raises(DamstraConfigurationError, match="is a socks5 proxy, and only http and https"):
        AsyncClient(settings_for("http://damstra.example"))


def test_sync_client_rejects_socks_proxy_without_pysocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1080")
    monkeypatch.setattr(environment, "find_spec", lambda _: None)
    with pytest.raises(DamstraConfigurationError, match="is a socks5 proxy, which needs the package PySocks"):
        Client(settings_for("http://damstra.example"))


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_sync_client_sends_through_socks_proxy(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(USER) as server, socks_proxy() as proxy:
        monkeypatch.setenv("all_proxy", f"{scheme}://{proxy.address}")
        with SyncDriver(settings_for(server.url)) as client:
            assert client.call(GET).id == 1011
        assert len(proxy.requests) == 1


def test_unreachable_socks_proxy_raises_descriptive_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", f"socks5h://127.0.0.1:{closed_port()}")
    with SyncDriver(settings_for("http://damstra.example", max_retries=0)) as client:
        error = client.error(POST)
    assert not error.outcome_unknown
    assert "no connection could be made. The request was not sent" in str(error)
    assert is_plain_message(str(error)), str(error)


def test_netrc_adds_no_authorization(
    open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(USER) as server:
        open_client(server.url).call(GET)
    assert "authorization" not in server.requests[0].lower()
