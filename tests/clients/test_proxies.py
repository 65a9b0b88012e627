"""A proxy of the environment: both faces use it, with its login, and leave it out where they shall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.calls import GET
from tests.clients.servers import http_answer, raw_server

if TYPE_CHECKING:
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
