"""The requests that both clients send, and the results they return for the documented responses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from tests.contract.clients import ACCESS_KEY, PAGE_SIZE, ExampleCall, both_clients
from tests.contract.stub import RecordedRequest, stub_server
from tests.contract.table import JSON, PAGES, ROW, ROWS, Kind, Row, StubResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)


def respond_with_example(row: Row) -> Callable[[RecordedRequest], StubResponse]:
    """Return a handler that sends the row's example, and past a listing's end an empty page."""
    return lambda recorded: row.empty_page() if recorded.start_index else row.success


def record_call(row: Row, call: ExampleCall) -> tuple[list[RecordedRequest], Any]:
    """Make the row's example call; return the requests received and the client's result."""
    with stub_server(respond_with_example(row)) as server:
        return server.requests, call(row, server.base_url)


def first_page_query(row: Row) -> dict[str, str]:
    """Return the paging parameters of the first request of a listing."""
    return {"startIndex": "0", "maxResults": str(PAGE_SIZE)} if row.paging else {}


def canonical_json(value: Any) -> str:
    """Return JSON text, which distinguishes 14 from "14" and 14.0, and 1 from true."""
    return json.dumps(value, sort_keys=True)


@each_row
@both_clients
def test_request_matches_documentation(row: Row, call: ExampleCall) -> None:
    requests, _ = record_call(row, call)
    first = requests[0]
    assert first.method == row.method
    assert first.path == row.wire_path
    assert first.query == sorted({**row.wire_query, **first_page_query(row)}.items())
    assert first.headers["accesskey"] == ACCESS_KEY
    assert canonical_json(first.body) == canonical_json(row.body)
    if row.body is not None:
        assert first.headers["content-type"].partition(";")[0] == JSON
    if row.kind not in PAGES:
        assert len(requests) == 1


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in PAGES], ids=lambda row: row.operation_id)
@both_clients
def test_requests_of_listing_differ_only_in_paging(row: Row, call: ExampleCall) -> None:
    requests, _ = record_call(row, call)
    assert len({request.target for request in requests}) == len(requests) > 1
    for later in requests[1:]:
        assert (later.method, later.path, later.raw_body) == (row.method, row.wire_path, b"")
        assert later.headers["accesskey"] == ACCESS_KEY
        query = dict(later.query)
        assert int(query.pop("startIndex")) >= len(row.examples)
        assert 1 <= int(query.pop("maxResults", PAGE_SIZE)) <= PAGE_SIZE
        assert query == row.wire_query


@both_clients
def test_session_dates_keep_milliseconds_and_zone(call: ExampleCall) -> None:
    example = ROW["createIltSession"]
    start = {"startDatetime": "2018-05-19T01:00:06.070+1030"}
    row = replace(example, body={**(example.body or {}), **start})
    requests, _ = record_call(row, call)
    assert canonical_json(requests[0].body) == canonical_json(row.body)


@pytest.mark.parametrize("status", [404, 405])
@both_clients
def test_update_user_falls_back_to_post_on_404_and_405(status: int, call: ExampleCall) -> None:
    row = ROW["updateUser"]
    no_route = StubResponse(b"<html></html>", content_type="text/html", status=status)
    with stub_server(lambda recorded: no_route if recorded.method == "PUT" else row.success) as server:
        check_object(row, call(row, server.base_url))
    assert [(request.method, request.path) for request in server.requests] == [
        ("PUT", row.wire_path),
        ("POST", row.wire_path),
    ]
    assert canonical_json(server.requests[1].body) == canonical_json(row.body)


LOGIN_URL = "https://app.velpic.com/login/token"


@pytest.mark.parametrize("body", [LOGIN_URL, {"url": LOGIN_URL}], ids=["json-text", "object"])
@both_clients
def test_login_url_is_read_from_json_text_and_object(body: Any, call: ExampleCall) -> None:
    row = replace(ROW["generateLoginUrl"], success=json_response(body))
    assert record_call(row, call)[1] == LOGIN_URL


@each_row
@both_clients
def test_result_keeps_everything_of_the_response(row: Row, call: ExampleCall) -> None:
    _, read = record_call(row, call)
    CHECKS[row.kind](row, read)


def check_object(row: Row, read: Any) -> None:
    """Check one model."""
    assert_read(row.examples[0], read)


def check_list(row: Row, read: Any) -> None:
    """Check a list of models."""
    assert isinstance(read, list)
    assert len(read) == len(row.examples)
    for example, model in zip(row.examples, read, strict=True):
        assert_read(example, model)


def assert_read(example: dict[str, Any], model: Any) -> None:
    """Check that a model declares all fields of the example and keeps their values."""
    assert isinstance(model, BaseModel)
    assert example.keys().isdisjoint(model.model_extra or {})
    assert_kept(example, model.model_dump(by_alias=True))


def check_ids(row: Row, read: Any) -> None:
    """Check a list of ids."""
    assert isinstance(read, list)
    assert canonical_json(read) == canonical_json(row.success.parsed()["ids"])


def check_bytes(row: Row, read: Any) -> None:
    """Check that the bytes are unchanged."""
    assert isinstance(read, bytes)
    assert read == row.success.raw


def check_url(row: Row, read: Any) -> None:
    """Check a URL, which some responses hold in an object and one as bare text."""
    assert isinstance(read, str)
    text = row.success.raw.decode()
    assert read == (json.loads(text)["embedUrl"] if text.startswith("{") else text)


def check_none(row: Row, read: Any) -> None:
    """Check that there is no result."""
    assert read is None


CHECKS: dict[Kind, Callable[[Row, Any], None]] = {
    Kind.OBJECT: check_object,
    Kind.PAGE: check_list,
    Kind.PAGE_WITHOUT_META: check_list,
    Kind.ARRAY: check_list,
    Kind.IDS: check_ids,
    Kind.BYTES: check_bytes,
    Kind.URL: check_url,
    Kind.NOTHING: check_none,
}


def assert_kept(example: Any, read: Any, name: str = "") -> None:
    """Check recursively that a parsed value equals its example.

    The page refers to other objects as {"id": 1}, which may be parsed as the bare id.
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
        assert read == parse_date(example), name
    else:
        assert read == example, name
        assert has_same_type(example, read, name), name


def has_same_type(example: Any, read: Any, name: str) -> bool:
    """Return whether a value has its example's type; an int that is not an id may be parsed as a float."""
    if type(example) is int and not name.endswith(("id", "Id")):
        return type(read) in {int, float}
    return isinstance(read, type(example)) and isinstance(read, bool) == isinstance(example, bool)


def parse_date(text: str) -> datetime:
    """Parse a date in one of the documented formats; one without a zone is UTC."""
    date = datetime.fromisoformat(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
