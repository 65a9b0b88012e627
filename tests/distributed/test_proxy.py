"""The proxy passes requests and faults on unchanged, and its observers see each exchange."""

from __future__ import annotations

import socketserver

import pytest
import requests

from distributed.faults.proxy import Exchange, Proxy
from tests.distributed.conftest import Handler


def test_observers_see_each_exchange_of_a_kept_connection(proxy: Proxy) -> None:
    seen: list[Exchange] = []
    proxy.observers.append(seen.append)
    with requests.Session() as session:
        assert session.get(f"{proxy.url}/api/v2/user?q=a", timeout=10).text == "ok"
        assert session.post(f"{proxy.url}/api/v2/user", data=b"x" * 200_000, timeout=10).text == "ok"
    exchanges = [(exchange.method, exchange.path, exchange.status) for exchange in seen]
    assert exchanges == [("GET", "/api/v2/user", 200), ("POST", "/api/v2/user", 200)]
    assert seen[0].client_port == seen[1].client_port


@pytest.mark.parametrize("path", ["dropped", "truncated"])
def test_faults_reach_the_client(proxy: Proxy, path: str) -> None:
    with pytest.raises(requests.RequestException):
        requests.get(f"{proxy.url}/{path}", timeout=10)


def test_connection_is_closed_while_the_server_is_down() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_address[1]
    proxy = Proxy(upstream=f"http://127.0.0.1:{port}")
    proxy.start()
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get(proxy.url, timeout=10)
    finally:
        proxy.stop()
