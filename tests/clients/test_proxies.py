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
from tests.clients.servers import RawServer, closed_port, http_response, raw_server
from tests.clients.tls import certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import OpenClient

USER = http_response('{"id": 1011}')


def by_name(server: RawServer) -> str:
    """Return a server's URL with a host name that only the test's proxies can reach."""
    return server.url.replace("127.0.0.1", "damstra.example")


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


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_direct"),
    [
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://10.1.2.3", "11.0.0.0/8, 10.1.2.3", True),
        ("http://10.1.2.3:8090", "10.1.2.3:8090", True),
        ("http://10.1.2.3", "10.1.2.3:80", True),
        ("http://[fd00::7]", "[fd00::7]:80", True),
        ("http://10.1.2.3:8091", "10.1.2.3:8090", False),
        ("http://10.1.2.3", "11.0.0.0/8,10.0.0.0/99,x/8,[,1.2.3.4", False),
        ("http://[::ffff:10.1.2.3]", "10.0.0.0/8", True),
        ("http://[fd00::7]", "fd00::7", True),
        ("http://[fd00::7]", "FD00:0::0:7", True),
        ("http://[fd00::7]:8090", "[fd00::7]", True),
        ("http://[fd00::7]:8090", "[fd00::7]:8090", True),
        ("http://[fd00::7]:8090", "[fd00::7]:8091", False),
        ("http://[fd00::7]", "fc00::/7", True),
        ("http://[fd00::7]", "fe80::/10,10.0.0.0/8,::7", False),
        ("http://[fd00::7]", "*", True),
        ("http://lms.damstra.example", "other.example,.damstra.example", True),
        ("http://lms.damstra.example", "damstra.example", True),
        ("http://lms.damstra.example:8090", "lms.damstra.example:8090", True),
        ("http://lms.damstra.example", "lms.damstra.example:80", True),
        ("http://lms.damstra.example", "lms.damstra.example:443", False),
        ("http://lms.damstra.example", "*", True),
        ("http://lms.damstra.example", "lms", False),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_leads_to_direct_connection(
    url: str, no_proxy: str, is_direct: bool, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(variable, no_proxy)
    for supports_socks in (True, False):
        proxy = environment.proxy_for(url, supports_socks=supports_socks)
        assert proxy == (None if is_direct else "http://proxy.example:3128")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.1",
        "localhost",
        "LOCALHOST.",
        "lms.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",  # noqa: S104 (requested, not bound)
        "[::]",
    ],
)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_loopback_host_is_never_requested_through_proxy(
    host: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://proxy.example:3128")
    assert environment.proxy_for(f"http://{host}:8090", supports_socks=True) is None


def test_server_on_this_machine_is_requested_directly(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(USER) as proxy, raw_server(USER) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert open_client(server.url).call(GET).id == 1011
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_tls_server_is_reached_through_tunnel_without_access_key_for_proxy(
    scheme: str, open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(USER, context=context) as server, tunnel_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"{scheme}ann:p%40ss@{proxy.address}")
        client = open_client(by_name(server), verify=str(bundle))
        assert (client.call(GET).id, client.call(GET).id) == (1011, 1011)
        tunnels = [request.lower() for request in proxy.requests]
    assert len(tunnels) == 2
    for tunnel in tunnels:
        assert tunnel.startswith(f"connect {by_name(server).removeprefix('https://')} ")
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
        url = by_name(server)
        assert open_client(url, verify=str(bundle)).call(GET).id == 1011
        assert open_client(url, verify=False).call(GET).id == 1011
        assert "certificate" in str(open_client(url).error(GET))
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
        error = open_client(by_name(server), verify=str(bundle)).error(POST)
    assert error.outcome_unknown
    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_post_is_repeated_while_proxy_is_unreachable(
    scheme: str, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"127.0.0.1:{closed_port()}"
    monkeypatch.setenv(f"{scheme}_proxy", f"http://ann:secret@{proxy}")
    client = open_client(f"{scheme}://damstra.example", max_retries=2)
    error = client.error(POST)
    assert not error.outcome_unknown
    assert f"damstra.example through the proxy {proxy}: connection refused. The request was not" in str(error)
    assert "secret" not in str(error)
    assert len(client.sleeps) == 2


def test_proxy_that_refuses_to_connect_raises_descriptive_error(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tunnel_proxy(refusal="407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("https_proxy", f"http://ann:secret@{proxy.address}")
        error = open_client("https://damstra.example", max_retries=0).error(POST)
    assert f"the proxy {proxy.address}: the proxy refused to connect: 407 Proxy" in str(error)
    assert "secret" not in str(error)
    assert is_plain_message(str(error)), str(error)
    assert not error.outcome_unknown


@pytest.mark.parametrize("status", [403, 404, 407, 502])
def test_proxy_that_refuses_plain_request_is_named(
    status: int, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(http_response("<h1>No</h1>", status)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://ann:secret@"))
        error = open_client("http://damstra.example", max_retries=0).error(POST)
    assert f"one of the proxy {proxy.url.removeprefix('http://')}, which http_proxy names" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "proxy", ["http://proxy.invalid:3128\n", " proxy.invalid:3128", "u:secret@proxy.invalid:3128"]
)
def test_unknown_proxy_name_is_reported_with_it(
    proxy: str, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    error = open_client("https://damstra.example", max_retries=0).error(POST)
    assert "through the proxy proxy.invalid:3128: its name cannot be resolved" in str(error)
    assert not error.outcome_unknown


def test_proxy_of_unknown_kind_is_rejected(open_client: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "ftp://proxy.example:1080")
    with pytest.raises(DamstraConfigurationError, match="is a ftp proxy, and only http and https") as caught:
        open_client("http://damstra.example").call(GET)
    assert "Set http_proxy to one, or name damstra.example in no_proxy" in str(caught.value)


@pytest.mark.parametrize(
    "rest",
    [
        *("host:port", "[::1", "", ":3128", "host:0", "a..host:1", "ho st:1", f"{'x' * 64}:1"),
        *(
            "a:ge/heim@host:1",
            "a:ge heim@host:1",
            "a:geh\u00e9im@host:1",
            "a:%d0%bf@host:1",
            "a:%0d%0a@host:1",
        ),
    ],
)
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
        with SyncDriver(settings_for(server.url.replace("127.0.0.1", "192.0.2.1"))) as client:
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
