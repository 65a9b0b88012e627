"""Malformed and hostile responses: errors of this provider, bounded time and memory, no lost row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import BulkUserImport, GenerateLoginUrl, GetUser, InactivateUser
from airflow_provider_damstra.errors import (
    DamstraAuthError,
    DamstraRateLimitError,
    DamstraRequestError,
    DamstraResponseError,
    DamstraServerError,
)
from tests.clients.calls import GET, LIST
from tests.clients.servers import http_response, raw_server

if TYPE_CHECKING:
    from airflow_provider_damstra.errors import DamstraError
    from tests.clients.conftest import OpenClient

DEEP = "[" * 200_000
DIGITS = "9" * 5000
NO_CONTENT = InactivateUser(user_id=7)
BOM = b"\xef\xbb\xbf"


def error_of(open_client: OpenClient, call: Any, body: bytes | str, status: int = 200) -> DamstraError:
    with raw_server(http_response(body, status)) as server:
        return open_client(server.url, max_retries=0).error(call)


@pytest.mark.parametrize("call", [GET, NO_CONTENT], ids=["GET", "no content"])
@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (f'[{{"error": {DEEP}', 200, DamstraResponseError),
        (f'{{"error": {DEEP}', 200, DamstraResponseError),
        (f'{{"error": {DEEP}', 400, DamstraRequestError),
        (f'{{"error": "no", "internalCode": {DIGITS}}}', 200, DamstraRequestError),
        (f'{{"error": "no", "internalCode": "{DIGITS}"}}', 503, DamstraServerError),
        ('{"error": "no", "internalCode": "²"}', 429, DamstraRateLimitError),
        (BOM + b'{"error": "no", "internalCode": 806}', 200, DamstraAuthError),
        (rb'{"error": "\ud83d", "internalCode": 806}', 200, DamstraAuthError),
        (b'{"error": "\xff", "internalCode": 806}', 200, DamstraAuthError),
        (b'{"error": "a\nb", "internalCode": 806}', 200, DamstraAuthError),
    ],
)
def test_malformed_error_body_is_an_error(
    body: bytes | str, status: int, expected: type, call: Any, open_client: OpenClient
) -> None:
    error = error_of(open_client, call, body, status)
    assert type(error) is expected
    assert len(str(error)) < 1000
    str(error).encode()


HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\nINFO forged line\u202e\u2028\x9b\ud83d\x00"


@pytest.mark.parametrize("status", [200, 302, 400, 503])
def test_control_characters_of_server_are_escaped_in_messages(status: int, open_client: OpenClient) -> None:
    body = json.dumps({"error": HOSTILE, "message": HOSTILE * 10_000})
    error = error_of(open_client, GET, body, status)
    assert str(error).isprintable()
    assert len(str(error)) < 2000
    assert status == 302 or r"\x1b[2J" in str(error)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (LIST, '{"results": [' + "1," * 500_000 + "1]}"),
        (LIST, '{"results": [{"id": 1, "roles": [' + '"x",' * 200_000 + '"x"]}]}'),
        (BulkUserImport.model_validate({"users": [{"userName": "a"}]}), "[" + "1," * 500_000 + "1]"),
    ],
)
def test_page_of_invalid_rows_is_reported_by_the_first(call: Any, body: str, open_client: OpenClient) -> None:
    """Pydantic would need a kilobyte for each."""
    with raw_server(http_response(body)) as server:
        opened = open_client(server.url, max_retries=0)
        with pytest.raises(DamstraResponseError) as caught:
            opened.take(call) if call is LIST else opened.call(call)
    assert str(caught.value).count("Input should") <= 4


def user(text: bytes) -> bytes:
    return b'{"id": 7, "firstName": "%s"}' % text


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb"Bob\ud83d", "Bob\ufffd"),
        (b"Jos\xe9", "Jos\ufffd"),
        (b"two\nlines", "two\nlines"),
    ],
)
def test_text_that_is_not_unicode_is_replaced(sent: bytes, read: str, open_client: OpenClient) -> None:
    page = b'{"results": [{"id": 6}, %s, {"id": 8}]}' % user(sent)
    with raw_server(http_response(BOM + user(sent)), http_response(page), http_response()) as server:
        client = open_client(server.url)
        assert client.call(GetUser(user_id=7)).first_name == read
        server.responses = (http_response(BOM + page), http_response('{"results": []}'))
        server.requests.clear()
        users = client.take(LIST)
    assert [(found.id, found.first_name) for found in users] == [(6, None), (7, read), (8, None)]


def test_login_url_after_byte_order_mark_is_returned_without_it(open_client: OpenClient) -> None:
    with raw_server(http_response(BOM + b"https://damstra.example/login/1")) as server:
        url = open_client(server.url).call(GenerateLoginUrl(user_id=7))
    assert url == "https://damstra.example/login/1"


@pytest.mark.parametrize("total", ["-5", "1.5", '"²"', '"many"', f'"{DIGITS}"', DIGITS, DEEP, "true"])
@pytest.mark.parametrize("meta", ['{"totalResultCount": %s, "endIndex": "x"}', "%s"])
def test_invalid_total_is_ignored(meta: str, total: str, open_client: OpenClient) -> None:
    if total == DEEP:
        total = "[" * 500 + "]" * 500
    page = '{"results": [{"id": 7}], "meta": %s}' % (meta % total)
    with raw_server(http_response(page), http_response('{"results": []}')) as server:
        assert [found.id for found in open_client(server.url).take(LIST)] == [7]
