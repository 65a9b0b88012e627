"""The emulator over plain HTTP: valid calls answer as the page says, and what is wrong is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract import openapi
from tests.contract.calls import CALLS, Call
from tests.contract.shapes import strays
from tests.contract.table import JSON, PAGES, ROW, ROWS, ErrorBody, Kind, Row
from tests.contract.table import errors as bodies

if TYPE_CHECKING:
    import requests

    from tests.contract.api import Api

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)
with_body = [row for row in ROWS if row.body is not None]
UNKNOWN_ID = 99999999


def send(api: Api, row: Row, call: Call, **changes: Any) -> requests.Response:
    """Make a call of the row's operation; `changes` replace parts of the request."""
    request = {"path_parameters": call.path_parameters, "query": call.query, "body": call.body} | changes
    path = row.path.format_map(request.pop("path_parameters"))
    return api.send(row.method, path, **request)


def test_every_operation_has_a_valid_call() -> None:
    assert set(CALLS) == set(ROW)


@each_row
def test_a_valid_call_is_answered_as_the_page_says(api: Api, row: Row) -> None:
    response = send(api, row, CALLS[row.operation_id](api))
    assert response.status_code == 200, response.text
    schemas = openapi.content_of(row.operation_id, 200)
    if schemas:
        assert response.headers["content-type"].partition(";")[0] in schemas
    if row.kind is Kind.BYTES:
        assert response.content.startswith(b"%PDF-")
    elif row.kind is Kind.NOTHING:
        assert response.content == row.success.raw
    elif row.operation_id == "generateLoginUrl":
        assert openapi.complaints(schemas[JSON], response.text) == []
        assert response.text.startswith("http")
    else:
        assert openapi.complaints(schemas[JSON], response.json()) == []
        assert strays(row.success.parsed(), response.json()) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in PAGES], ids=lambda row: row.operation_id)
def test_a_listing_finds_what_it_is_asked_for_and_has_meta_where_the_page_shows_it(
    api: Api, row: Row
) -> None:
    page = send(api, row, CALLS[row.operation_id](api)).json()
    assert page["results"]
    assert ("meta" in page) is (row.kind is Kind.PAGE)


@each_row
@pytest.mark.parametrize("headers", [{}, {"AccessKey": "wrong"}], ids=["no-key", "wrong-key"])
def test_a_call_without_the_key_is_refused_in_the_shape_of_the_page(
    api: Api, row: Row, headers: dict[str, str]
) -> None:
    response = send(api, row, CALLS[row.operation_id](api), headers=headers)
    shown = next(body for body in row.errors if body.internal_code == 806)
    assert response.status_code == 403
    assert response.json() == json.loads(shown.raw)


@each_row
def test_an_unknown_query_parameter_is_refused_by_name(api: Api, row: Row) -> None:
    call = CALLS[row.operation_id](api)
    response = send(api, row, call, query={**call.query, "strangeParameter": "1"})
    assert response.status_code == 400
    assert "strangeParameter" in response.text


@pytest.mark.parametrize("row", with_body, ids=lambda row: row.operation_id)
def test_an_unknown_body_member_is_refused_by_name(api: Api, row: Row) -> None:
    call = CALLS[row.operation_id](api)
    response = send(api, row, call, body={**(call.body or {}), "strangeMember": 1})
    assert response.status_code == 400
    assert "strangeMember" in response.text


@pytest.mark.parametrize(
    ("operation_id", "items"), [("bulkUserImport", "users"), ("saveIltSessionProgress", "attendees")]
)
def test_an_unknown_member_of_an_item_is_refused_by_name(api: Api, operation_id: str, items: str) -> None:
    call = CALLS[operation_id](api)
    body = call.body or {}
    strange = [{**item, "strangeMember": 1} for item in body[items]]
    response = send(api, ROW[operation_id], call, body={**body, items: strange})
    assert response.status_code == 400
    assert "strangeMember" in response.text


@pytest.mark.parametrize(
    ("row", "name"),
    [pytest.param(row, name, id=f"{row.operation_id}-{name}") for row in with_body for name in row.required],
)
def test_a_missing_required_member_is_refused_by_name(api: Api, row: Row, name: str) -> None:
    call = CALLS[row.operation_id](api)
    body = {key: value for key, value in (call.body or {}).items() if key != name}
    response = send(api, row, call, body=body)
    assert response.status_code == 400
    assert name in response.text


@pytest.mark.parametrize("query", [{}, {"lessonScheduleId": ""}], ids=["missing", "empty"])
def test_an_embed_url_without_its_schedule_is_refused_by_name(api: Api, query: dict[str, str]) -> None:
    response = api.send("GET", "/embed_player", query)
    assert response.status_code == 400
    assert "lessonScheduleId" in response.text


def test_a_user_can_be_updated_with_either_method(api: Api) -> None:
    call = CALLS["updateUser"](api)
    path = ROW["updateUser"].path.format_map(call.path_parameters)
    answers = [api.send(method, path, body=call.body) for method in ("PUT", "POST")]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.path_parameters], ids=lambda row: row.operation_id
)
def test_an_unknown_id_is_not_found(api: Api, row: Row) -> None:
    unknown = dict.fromkeys(row.path_parameters, UNKNOWN_ID)
    call = CALLS[row.operation_id](api)
    # Updating a user names it in the body too.
    body = {**call.body, "id": UNKNOWN_ID} if call.body and "id" in call.body else call.body
    response = send(api, row, call, path_parameters=unknown, body=body)
    assert response.status_code == 404
    for shown in row.errors:
        if shown.status == 404:
            assert_says(response, shown)


def test_an_unknown_schedule_has_no_embed_url(api: Api) -> None:
    response = api.send("GET", "/embed_player", {"lessonScheduleId": UNKNOWN_ID})
    assert response.status_code == 404
    assert_says(response, bodies.SCHEDULE_NOT_FOUND)


@pytest.mark.parametrize(
    ("status", "shown"), [("completed", bodies.SCHEDULE_COMPLETED), ("cancelled", bodies.SCHEDULE_CANCELLED)]
)
def test_a_schedule_that_is_over_has_no_embed_url(api: Api, status: str, shown: ErrorBody) -> None:
    schedule_id = next(api.schedules(status))["id"]
    for path, query in (
        ("/embed_player", {"lessonScheduleId": schedule_id}),
        (f"/embed_player/version/{schedule_id}", {}),
    ):
        response = api.send("GET", path, query)
        assert response.status_code == shown.status
        assert_says(response, shown)


def test_scheduling_twice_is_a_conflict(api: Api) -> None:
    row = ROW["scheduleUser"]
    call = CALLS[row.operation_id](api)
    assert send(api, row, call).status_code == 200
    response = send(api, row, call)
    assert response.status_code == bodies.SCHEDULE_EXISTS.status
    assert_says(response, bodies.SCHEDULE_EXISTS)


def assert_says(response: requests.Response, shown: ErrorBody) -> None:
    """Check that an error is the one that the page shows, with the id that was asked for."""
    if shown is bodies.NO_GROUP:
        assert "No group found for that Id" in response.text
    else:
        wanted = json.loads(shown.raw.replace("with id 1 ", f"with id {UNKNOWN_ID} "))
        assert response.json() == wanted
