"""Bodies of responses: a limit of their size after decompression, and damaged compression."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import DownloadCertificate
from airflow_provider_damstra.errors import DamstraAuthError, DamstraResponseError, DamstraServerError
from tests.clients.calls import GET, POST
from tests.clients.servers import http_response, raw_server

if TYPE_CHECKING:
    from tests.clients.conftest import OpenClient

MIB = 1 << 20
CERTIFICATE = DownloadCertificate(lesson_schedule_id=7)
USER = b'{"id": 7, "firstName": "Bob"}'


def deflate(data: bytes, window_bits: int = zlib.MAX_WBITS) -> bytes:
    compressor = zlib.compressobj(wbits=window_bits)
    return compressor.compress(data) + compressor.flush()


BOMBS = {
    "gzip": http_response(gzip.compress(b" " * (200 * MIB), 6), Content_Encoding="gzip"),
    "deflate": http_response(deflate(b" " * (200 * MIB)), Content_Encoding="deflate"),
    "empty members": http_response(gzip.compress(b"", mtime=0) * 200_000, Content_Encoding="gzip"),
    "no encoding": http_response(b" " * (2 * MIB)),
}


@pytest.mark.parametrize("call", [GET, POST, CERTIFICATE], ids=lambda call: call.path)
@pytest.mark.parametrize("bomb", ["gzip", "deflate", "empty members", "no encoding"])
def test_response_larger_than_limit_is_not_read(bomb: str, call: Any, open_client: OpenClient) -> None:
    with raw_server(BOMBS[bomb]) as server:
        client = open_client(server.url, max_response_bytes=MIB)
        tracemalloc.start()
        try:
            error = client.error(call)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(server.requests) == 1
    assert type(error) is DamstraResponseError
    assert "more than 1048576 bytes" in str(error)
    assert error.outcome_unknown is (call is POST)
    assert peak < 10 * MIB


def test_response_as_large_as_limit_is_read(open_client: OpenClient) -> None:
    body = USER + b" " * (MIB - len(USER))
    responses = [http_response(gzip.compress(body, mtime=0), Content_Encoding="gzip"), http_response(body)]
    with raw_server(*responses) as server:
        client = open_client(server.url, max_response_bytes=MIB)
        assert [client.call(GET).id for _ in responses] == [7, 7]


def test_default_limit_is_64_mib(open_client: OpenClient) -> None:
    with raw_server(BOMBS["gzip"]) as server:
        assert "more than 67108864 bytes" in str(open_client(server.url).error(GET))


def test_large_error_response_is_an_error_by_its_status(open_client: OpenClient) -> None:
    bomb = http_response(gzip.compress(b"x" * (8 * MIB)), 503, Content_Encoding="gzip")
    with raw_server(bomb, http_response(USER)) as server:
        client = open_client(server.url)
        assert client.call(GET).id == 7
        server.requests.clear()
        server.responses = (bomb,)
        assert type(client.error(POST)) is DamstraServerError


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(USER[:9], mtime=0) + gzip.compress(USER[9:], mtime=0)),
        ("gzip", gzip.compress(USER, mtime=0) + bytes(100)),
        ("X-GZIP", gzip.compress(USER, mtime=0)),
        ("deflate", deflate(USER)),
        ("deflate", deflate(USER, -zlib.MAX_WBITS)),
        ("identity", USER),
        ("utf-8", USER),
        ("", USER),
    ],
)
def test_encoded_body_is_read(encoding: str, body: bytes, open_client: OpenClient) -> None:
    error = gzip.compress(b'{"error": "no", "internalCode": 806}', mtime=0)
    with raw_server(
        http_response(body, Content_Encoding=encoding), http_response(error, 403, Content_Encoding="gzip")
    ) as server:
        client = open_client(server.url)
        assert client.call(GET).first_name == "Bob"
        assert type(client.error(GET)) is DamstraAuthError
        assert "accept-encoding: gzip, deflate\r" in server.requests[0].lower()


@pytest.mark.parametrize(
    "body",
    [gzip.compress(USER, mtime=0)[:-1], gzip.compress(USER, mtime=0)[:-5] + b"12345", b"plain text", b"\x1f"],
)
def test_damaged_compression_is_a_transient_error(body: bytes, open_client: OpenClient) -> None:
    with raw_server(http_response(body, Content_Encoding="gzip")) as server:
        error = open_client(server.url, max_retries=1).error(GET)
        assert len(server.requests) == 2
    assert type(error) is DamstraResponseError
    assert "its compression is damaged" in str(error)
