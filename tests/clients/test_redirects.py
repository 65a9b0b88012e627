"""Redirects are not followed and cookies are not kept: the access key is sent to one host only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraResponseError
from tests.clients.calls import CALLS, GET
from tests.clients.drivers import ACCESS_KEY
from tests.clients.servers import http_response, raw_server

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver

USER = '{"id": 1011}'


@pytest.mark.parametrize(
    ("call", "status"),
    [*((GET, status) for status in (301, 302, 303, 307, 308)), *((call, 307) for call in CALLS.values())],
)
def test_redirect_to_another_server_is_not_followed(
    call: Any, status: int, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    with raw_server(http_response(USER)) as other:
        location = f"{other.url}/api/v2/user/1011?token=abc"
        damstra_emulator.add_fault("status", status=status, headers={"Location": location})
        error = client.error(call)
        assert type(error) is DamstraResponseError
        assert error.status == status
        assert f"{other.url}/api/v2/user/1011." in str(error)
        assert "token" not in str(error)
        assert (other.connections, other.requests) == (0, [])
    assert len(damstra_emulator.journal()) == 1
    assert client.sleeps == []


def test_redirect_to_the_same_server_is_not_followed(open_client: OpenClient) -> None:
    with raw_server(http_response(status=302, Location="/login"), http_response(USER)) as server:
        error = open_client(server.url).error(GET)
        assert "redirected (HTTP 302) to /login. " in str(error)
        assert len(server.requests) == 1


def test_access_key_is_sent_in_one_header_only(open_client: OpenClient) -> None:
    with raw_server(http_response(USER)) as server:
        open_client(server.url).call(GET)
        (request,) = server.requests
    lines = [line for line in request.split("\r\n") if ACCESS_KEY in line]
    assert lines == [f"AccessKey: {ACCESS_KEY}"]
    assert request.startswith("GET /api/v2/user/1011 HTTP/1.1\r\n")
    assert "user-agent: airflow-provider-damstra/" in request.lower()


def test_cookies_are_not_kept(open_client: OpenClient) -> None:
    cookie = "session=abc; Path=/"
    with raw_server(http_response(USER, Set_Cookie=cookie)) as server:
        client = open_client(server.url)
        for _ in range(3):
            client.call(GET)
        assert len(server.requests) == 3
        assert [request for request in server.requests if "cookie" in request.lower()] == []
