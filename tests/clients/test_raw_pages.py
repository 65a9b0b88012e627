"""RawReader and StreamingReader: rows parsed never or lazily, with the errors of whole pages."""

from __future__ import annotations

import gc
import json
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.raw_pages import RawPage, RawReader, StreamingReader
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError, is_retryable
from airflow_provider_damstra.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.models import User

LISTING = ListUsers()
REQUEST = LISTING.page_request(start=0, size=100)


def response(body: Any, status: int = 200) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={}, body=content)


def read_raw(body: Any) -> RawPage:
    return RawReader().read(LISTING, REQUEST, response(body))


def rows(body: Any) -> Iterator[User]:
    found: Iterator[User] = iter(StreamingReader().read(LISTING, REQUEST, response(body)).rows)
    return found


def whole_page_error(body: Any) -> str:
    with pytest.raises(DamstraResponseError) as caught:
        LISTING.read(REQUEST, response(body))
    return str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"id": 1, "roles": [1], "shoeSize": 43}, {"id": 2}], "meta": {"totalResultCount": "2"}},
        {"results": [{"id": 1}], "meta": None},
        {"results": [], "meta": {}},
        {"results": None},
    ],
)
def test_rows_and_total_are_those_of_a_whole_page(body: Any) -> None:
    whole = LISTING.read(REQUEST, response(body))
    streamed = StreamingReader().read(LISTING, REQUEST, response(body))
    assert list(streamed.rows) == whole.rows
    assert (streamed.row_count, streamed.total) == (whole.row_count, whole.total)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"results": 7}', b"\xff", b'{"results": [{"id": 1}, {"i'], ids=str
)
def test_invalid_page_raises_error_of_whole_page(body: bytes) -> None:
    with pytest.raises(DamstraResponseError) as caught:
        rows(body)
    assert str(caught.value) == whole_page_error(body)


def test_invalid_row_raises_error_of_whole_page_when_reached() -> None:
    body = {"results": [{"id": 1}, {"id": "x"}, {"id": 3}]}
    listing = rows(body)
    assert next(listing).id == 1
    with pytest.raises(DamstraResponseError, match=r"results\.1\.id") as caught:
        next(listing)
    assert str(caught.value) == whole_page_error(body)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("reader", [RawReader(), StreamingReader()], ids=["raw", "streaming"])
def test_error_response_raises(reader: RawReader | StreamingReader) -> None:
    with pytest.raises(DamstraServerError):
        reader.read(LISTING, REQUEST, response({"message": "no"}, status=500))


def test_rows_are_not_kept() -> None:
    listing = rows({"results": [{"id": one} for one in range(100)]})
    seen = [weakref.ref(user) for user in listing]
    gc.collect()
    assert sum(one() is not None for one in seen) == 0


def fingerprint(*found: Any) -> int:
    page: int = StreamingReader().read(LISTING, REQUEST, response({"results": list(found)})).fingerprint
    return page


def test_fingerprint_depends_on_the_keys_only() -> None:
    once, again = ([{"id": 1, "seen": value}, {"id": 2}] for value in ("now", "later"))
    assert fingerprint(*once) == fingerprint(*again)
    others = [fingerprint({"id": 1}, {"id": 3}), fingerprint({"id": 1}), fingerprint(), fingerprint(2)]
    assert len({fingerprint(*once), *others}) == 5


def test_raw_rows_are_the_bytes_of_the_response() -> None:
    page = read_raw(
        b'{"meta":{"totalResultCount":2},"results":[{"id":1,  "x":1.0e2},{"id":2,"n":"\\u00e9"}]}'
    )
    assert [bytes(row) for row in page.rows] == [b'{"id":1,  "x":1.0e2}', b'{"id":2,"n":"\\u00e9"}']
    assert (page.row_count, page.total) == (2, 2)


def test_raw_row_is_on_one_line() -> None:
    page = read_raw(json.dumps({"results": [{"id": 1, "a": {"b": "c\nd"}}]}, indent=2).encode())
    row = bytes(page.rows[0])
    assert b"\n" not in row
    assert json.loads(row) == {"id": 1, "a": {"b": "c\nd"}}


@pytest.mark.parametrize("row", [rb'{"id":2,"n":"Bob\ud83d"}', b'{"id":2,"n":"Jos\xe9"}'])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n", b"\xef\xbb\xbf\r\n"])
def test_raw_row_that_is_not_unicode_is_kept(start: bytes, row: bytes) -> None:
    page = read_raw(
        start + rb'{"results":[{"id":1,"n":"\ufffd"},%s,{"id":3}],"meta":{"totalResultCount":3}}' % row
    )
    assert [bytes(found) for found in page.rows] == [rb'{"id":1,"n":"\ufffd"}', row, b'{"id":3}']
    assert page.row_keys(LISTING) == [1, 2, 3]
    assert page.total == 3


def test_raw_row_with_line_break_in_string_is_on_one_line() -> None:
    page = read_raw(b'{"results":[{"id":1,"n":"two\nlines\x00","x":NaN}]}')
    assert [bytes(row) for row in page.rows] == [rb'{"id":1,"n":"two\u000alines\u0000","x":null}']


@pytest.mark.parametrize("meta", [None, {}, {"totalResultCount": None}, {"totalResultCount": "many"}])
def test_missing_or_invalid_total_is_none(meta: Any) -> None:
    assert read_raw({"meta": meta, "results": [{"id": 1}]}).total is None


def test_null_results_are_no_rows() -> None:
    page = read_raw({"results": None})
    assert (page.rows, page.row_count) == ([], 0)


def test_raw_pages_with_other_rows_have_other_fingerprints() -> None:
    one, same, other = ({"results": [{"id": 1}, {"id": end}]} for end in (2, 2, 3))
    assert read_raw(one).fingerprint == read_raw(same).fingerprint != read_raw(other).fingerprint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"results": 7}', b"\xff\xfe"])
def test_invalid_raw_page_is_not_retried(body: bytes) -> None:
    with pytest.raises(DamstraResponseError, match=r"ListUsers .* cannot be read") as caught:
        read_raw(body)
    assert caught.value.__context__ is None
    assert not is_retryable(caught.value)


def test_truncated_raw_page_is_retried() -> None:
    with pytest.raises(DamstraResponseError) as caught:
        read_raw(b'{"results": [{"id": 1}, {"i')
    assert is_retryable(caught.value)
