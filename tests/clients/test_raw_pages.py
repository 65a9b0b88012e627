"""StreamingReader: rows parsed as they are taken, with the errors of whole pages."""

from __future__ import annotations

import gc
import json
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.raw_pages import StreamingReader
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError
from airflow_provider_damstra.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.models import User

LISTING = ListUsers()
REQUEST = LISTING.page_request(start=0, size=100)


def response(body: Any, status: int = 200) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={}, body=content)


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
def test_invalid_page_raises_as_whole_page_does(body: bytes) -> None:
    with pytest.raises(DamstraResponseError) as caught:
        rows(body)
    assert str(caught.value) == whole_page_error(body)


def test_invalid_row_raises_in_its_turn_as_whole_page_does() -> None:
    body = {"results": [{"id": 1}, {"id": "x"}, {"id": 3}]}
    listing = rows(body)
    assert next(listing).id == 1
    with pytest.raises(DamstraResponseError, match=r"results\.1\.id") as caught:
        next(listing)
    assert str(caught.value) == whole_page_error(body)
    assert caught.value.__context__ is None


def test_error_response_raises() -> None:
    with pytest.raises(DamstraServerError):
        StreamingReader().read(LISTING, REQUEST, response({"message": "no"}, status=500))


def test_rows_are_not_kept() -> None:
    listing = rows({"results": [{"id": one} for one in range(100)]})
    seen = [weakref.ref(user) for user in listing]
    gc.collect()
    assert sum(one() is not None for one in seen) == 0


def fingerprint(*found: Any) -> int:
    page: int = StreamingReader().read(LISTING, REQUEST, response({"results": list(found)})).fingerprint
    return page


def test_fingerprint_depends_on_the_keys_only() -> None:
    once, again = ([{"id": 1, "seen": moment}, {"id": 2}] for moment in ("now", "later"))
    assert fingerprint(*once) == fingerprint(*again)
    others = [fingerprint({"id": 1}, {"id": 3}), fingerprint({"id": 1}), fingerprint(), fingerprint(2)]
    assert len({fingerprint(*once), *others}) == 5
