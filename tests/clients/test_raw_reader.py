"""Rows that are not read: what of a page is understood, and that nothing of a row is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_damstra.clients.raw_pages import RawPage, RawReader
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError, is_retryable
from airflow_provider_damstra.http import Response

LISTING = ListUsers()


def read(body: Any, status: int = 200) -> RawPage:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = LISTING.page_request(start=0, size=100)
    return RawReader().read(LISTING, request, Response(status=status, headers={}, body=content))


def test_rows_are_the_bytes_that_came() -> None:
    page = read(b'{"meta":{"totalResultCount":2},"results":[{"id":1,  "x":1.0e2},{"id":2,"n":"\\u00e9"}]}')
    assert [bytes(row) for row in page.rows] == [b'{"id":1,  "x":1.0e2}', b'{"id":2,"n":"\\u00e9"}']
    assert (page.row_count, page.total) == (2, 2)


def test_a_row_that_is_written_over_several_lines_becomes_one() -> None:
    page = read(json.dumps({"results": [{"id": 1, "a": {"b": "c\nd"}}]}, indent=2).encode())
    row = bytes(page.rows[0])
    assert b"\n" not in row
    assert json.loads(row) == {"id": 1, "a": {"b": "c\nd"}}


@pytest.mark.parametrize("meta", [None, {}, {"totalResultCount": None}, {"totalResultCount": "many"}])
def test_a_total_that_is_not_said_is_not_known(meta: Any) -> None:
    assert read({"meta": meta, "results": [{"id": 1}]}).total is None


def test_no_results_are_no_rows() -> None:
    page = read({"results": None})
    assert (page.rows, page.row_count) == ([], 0)


def test_pages_with_other_rows_have_other_fingerprints() -> None:
    one, same, other = ({"results": [{"id": 1}, {"id": end}]} for end in (2, 2, 3))
    assert read(one).fingerprint == read(same).fingerprint != read(other).fingerprint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"results": 7}', b"\xff\xfe"])
def test_what_is_no_page_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(DamstraResponseError, match=r"ListUsers .* cannot be read") as caught:
        read(body)
    assert caught.value.__context__ is None
    assert not is_retryable(caught.value)


def test_a_page_that_broke_off_is_worth_another_try() -> None:
    with pytest.raises(DamstraResponseError) as caught:
        read(b'{"results": [{"id": 1}, {"i')
    assert is_retryable(caught.value)


def test_an_error_is_an_error() -> None:
    with pytest.raises(DamstraServerError):
        read({"message": "no"}, status=500)
