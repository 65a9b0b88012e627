"""Connections that carry several requests: no request gets the response to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import GetUser
from airflow_provider_damstra.errors import DamstraError, DamstraResponseError, DamstraTransportError
from tests.clients.drivers import SyncDriver, settings_for
from tests.clients.servers import http_response, raw_server
from tests.clients.tls import certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver

IDS = [1, 2, 3]
RESPONSES = [http_response(f'{{"id": {number}}}', Connection="keep-alive") for number in IDS]


def results(client: ClientDriver) -> list[int | type[DamstraError]]:
    """Return for each user its id, or the type of the error."""
    found: list[int | type[DamstraError]] = []
    for user_id in IDS:
        try:
            found.append(client.call(GetUser(user_id=user_id)).id)
        except DamstraError as error:
            found.append(type(error))
    return found


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_response_is_skipped(status: str, open_client: OpenClient) -> None:
    interim = f"HTTP/1.1 {status}\r\nLink: </style.css>\r\n\r\n".encode()
    raw_responses = [
        interim * number + raw_response for number, raw_response in zip(IDS, RESPONSES, strict=True)
    ]
    with raw_server(*raw_responses, keeps_open=True) as server:
        assert results(open_client(server.url, max_retries=0)) == IDS
        assert server.connections == 1


@pytest.mark.parametrize("status", [100, 102])
def test_endless_interim_responses_are_an_error(status: int, open_client: OpenClient) -> None:
    with raw_server(f"HTTP/1.1 {status} Wait\r\n\r\n".encode() * 10_000) as server:
        error = open_client(server.url, max_retries=0, timeout=1.0).error(GetUser(user_id=1))
    assert isinstance(error, (DamstraTransportError, DamstraResponseError))


@pytest.mark.parametrize("has_tls", [False, True])
def test_unsolicited_data_is_not_parsed_as_next_response(has_tls: bool, tmp_path: Path) -> None:
    """The server sends more data than requested, together with its response."""
    bundle, context = certificate(tmp_path)
    more = http_response("a" * 9000, Connection="keep-alive")
    with raw_server(
        *(raw_response + more for raw_response in RESPONSES),
        context=context if has_tls else None,
        keeps_open=True,
    ) as server:
        settings = settings_for(server.url, max_retries=0, verify=str(bundle) if has_tls else True)
        with SyncDriver(settings) as client:
            # With TLS the data is in the ssl module, where urllib3 does not see it before it sends.
            assert results(client) == ([1, DamstraTransportError, 3] if has_tls else IDS)
