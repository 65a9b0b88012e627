"""What both clients put on the wire, and what they make of the answers that the page shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from tests.contract.faces import ACCESS_KEY, PAGE_SIZE, Face, both_faces
from tests.contract.stub import Recorded, stub_server
from tests.contract.table import JSON, PAGES, ROW, ROWS, Answer, Kind, Row, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)


def answering(row: Row) -> Callable[[Recorded], Answer]:
    """Return what answers with the row's example, and past a listing's end with an empty page."""
    return lambda recorded: row.empty_page() if recorded.start_index else row.success


def asked(row: Row, ask: Face) -> tuple[list[Recorded], Any]:
    """Make the row's example call; return the requests that it made and what the client returned."""
    with stub_server(answering(row)) as server:
        return server.requests, ask(row, server.base_url)


def first_page(row: Row) -> dict[str, str]:
    """Return the paging parameters of a listing's first request."""
    return {"startIndex": "0", "maxResults": str(PAGE_SIZE)} if row.paging else {}


def as_text(value: Any) -> str:
    """Return JSON text that tells 14 from "14" and from 14.0, and 1 from true."""
    return json.dumps(value, sort_keys=True)


@each_row
@both_faces
def test_the_request_is_the_one_on_the_page(row: Row, ask: Face) -> None:
    requests, _ = asked(row, ask)
    first = requests[0]
    assert first.method == row.method
    assert first.path == row.wire_path
    assert first.query == sorted({**row.wire_query, **first_page(row)}.items())
    assert first.headers["accesskey"] == ACCESS_KEY
    assert as_text(first.body) == as_text(row.body)
    if row.body is not None:
        assert first.headers["content-type"].partition(";")[0] == JSON
    if row.kind not in PAGES:
        assert len(requests) == 1


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in PAGES], ids=lambda row: row.operation_id)
@both_faces
def test_the_requests_of_a_listing_differ_in_their_paging_only(row: Row, ask: Face) -> None:
    requests, _ = asked(row, ask)
    assert len({request.target for request in requests}) == len(requests) > 1
    for later in requests[1:]:
        assert (later.method, later.path, later.raw_body) == (row.method, row.wire_path, b"")
        assert later.headers["accesskey"] == ACCESS_KEY
        query = dict(later.query)
        assert int(query.pop("startIndex")) >= len(row.examples)
        assert 1 <= int(query.pop("maxResults", PAGE_SIZE)) <= PAGE_SIZE
        assert query == row.wire_query


@both_faces
def test_the_dates_of_a_session_keep_their_milliseconds_and_their_zone(ask: Face) -> None:
    example = ROW["createIltSession"]
    start = {"startDatetime": "2018-05-19T01:00:06.070+1030"}
    row = replace(example, body={**(example.body or {}), **start})
    requests, _ = asked(row, ask)
    assert as_text(requests[0].body) == as_text(row.body)


@pytest.mark.parametrize("status", [404, 405])
@both_faces
def test_an_update_of_a_user_falls_back_to_the_other_method_that_the_page_allows(
    status: int, ask: Face
) -> None:
    row = ROW["updateUser"]
    no_route = Answer(b"<html></html>", content_type="text/html", status=status)
    with stub_server(lambda recorded: no_route if recorded.method == "PUT" else row.success) as server:
        is_object(row, ask(row, server.base_url))
    assert [(request.method, request.path) for request in server.requests] == [
        ("PUT", row.wire_path),
        ("POST", row.wire_path),
    ]
    assert as_text(server.requests[1].body) == as_text(row.body)


LOGIN_URL = "https://app.velpic.com/login/token"


@pytest.mark.parametrize("answer", [LOGIN_URL, {"url": LOGIN_URL}], ids=["json-text", "object"])
@both_faces
def test_a_login_url_is_read_from_json_too(answer: Any, ask: Face) -> None:
    row = replace(ROW["generateLoginUrl"], success=json_answer(answer))
    assert asked(row, ask)[1] == LOGIN_URL


@each_row
@both_faces
def test_the_answer_is_read_with_nothing_lost(row: Row, ask: Face) -> None:
    _, read = asked(row, ask)
    CHECKS[row.kind](row, read)


def is_object(row: Row, read: Any) -> None:
    """Check one model."""
    assert_read(row.examples[0], read)


def is_list(row: Row, read: Any) -> None:
    """Check a list of models."""
    assert isinstance(read, list)
    assert len(read) == len(row.examples)
    for example, model in zip(row.examples, read, strict=True):
        assert_read(example, model)


def assert_read(example: dict[str, Any], model: Any) -> None:
    """Check that a model has a field of its own for every member of the example, and kept what is in it."""
    assert isinstance(model, BaseModel)
    assert example.keys().isdisjoint(model.model_extra or {})
    assert_kept(example, model.model_dump(by_alias=True))


def is_ids(row: Row, read: Any) -> None:
    """Check a list of ids."""
    assert isinstance(read, list)
    assert as_text(read) == as_text(row.success.parsed()["ids"])


def is_bytes(row: Row, read: Any) -> None:
    """Check bytes that nothing has touched."""
    assert isinstance(read, bytes)
    assert read == row.success.raw


def is_url(row: Row, read: Any) -> None:
    """Check a URL, which some answers hold in an object and one gives as bare text."""
    assert isinstance(read, str)
    text = row.success.raw.decode()
    assert read == (json.loads(text)["embedUrl"] if text.startswith("{") else text)


def is_nothing(row: Row, read: Any) -> None:
    """Check that nothing was made of the answer."""
    assert read is None


CHECKS: dict[Kind, Callable[[Row, Any], None]] = {
    Kind.OBJECT: is_object,
    Kind.PAGE: is_list,
    Kind.PAGE_WITHOUT_META: is_list,
    Kind.ARRAY: is_list,
    Kind.IDS: is_ids,
    Kind.BYTES: is_bytes,
    Kind.URL: is_url,
    Kind.NOTHING: is_nothing,
}


def assert_kept(example: Any, read: Any, name: str = "") -> None:
    """Check that a value of an example, with all that is in it, was kept by what was read from it.

    The page names another object as {"id": 1}: to read that as the bare id loses nothing.
    """
    read = read.value if isinstance(read, Enum) else read
    if isinstance(example, dict) and list(example) == ["id"] and not isinstance(read, dict):
        assert_kept(example["id"], read, f"{name}.id")
    elif isinstance(example, dict):
        for key, value in example.items():
            assert key in read, f"{name}.{key} is lost"
            assert_kept(value, read[key], f"{name}.{key}")
    elif isinstance(example, list):
        assert len(read) == len(example), name
        for index, (value, item) in enumerate(zip(example, read, strict=True)):
            assert_kept(value, item, f"{name}[{index}]")
    elif name.endswith(("Date", "Datetime")):
        assert isinstance(read, datetime), name
        assert read == instant(example), name
    else:
        assert read == example, name
        assert same_type(example, read, name), name


def same_type(example: Any, read: Any, name: str) -> bool:
    """Return whether a value has its example's type; a number that is no id may have become a fraction."""
    if type(example) is int and not name.endswith(("id", "Id")):
        return type(read) in {int, float}
    return isinstance(read, type(example)) and isinstance(read, bool) == isinstance(example, bool)


def instant(text: str) -> datetime:
    """Return the instant that a date in one of the page's formats means; one without a zone is UTC."""
    date = datetime.fromisoformat(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
