"""The emulator over plain HTTP: documented responses for valid calls, errors for invalid ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract import openapi
from tests.contract.calls import CALLS, Call
from tests.contract.table import JSON, PAGES, ROW, ROWS, ErrorBody, Kind, Row
from tests.contract.table import errors as bodies

if TYPE_CHECKING:
    import requests

    from tests.contract.api import Api

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)
with_body = [row for row in ROWS if row.body is not None]
UNKNOWN_ID = 99999999


def send(api: Api, row: Row, call: Call, **changes: Any) -> requests.Response:
    """Send a call of the row's operation; `changes` replace parts of the request."""
    request = {"path_parameters": call.path_parameters, "query": call.query, "body": call.body} | changes
    path = row.path.format_map(request.pop("path_parameters"))
    return api.send(row.method, path, **request)


def test_every_operation_has_a_valid_call() -> None:
    assert set(CALLS) == set(ROW)


@each_row
def test_valid_call_returns_documented_response(api: Api, row: Row) -> None:
    response = send(api, row, CALLS[row.operation_id](api))
    assert response.status_code == 200, response.text
    schemas = openapi.response_schemas(row.operation_id, 200)
    if schemas:
        assert response.headers["content-type"].partition(";")[0] in schemas
    if row.kind is Kind.BYTES:
        assert response.content.startswith(b"%PDF-")
    elif row.kind is Kind.NOTHING:
        assert response.content == row.success.raw
    elif row.operation_id == "generateLoginUrl":
        assert openapi.schema_errors(schemas[JSON], response.text) == []
        assert response.text.startswith("http")
    else:
        assert openapi.schema_errors(schemas[JSON], response.json()) == []
        assert openapi.shape_differences(row.success.parsed(), response.json()) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in PAGES], ids=lambda row: row.operation_id)
def test_listing_returns_matching_rows_and_meta_where_documented(api: Api, row: Row) -> None:
    page = send(api, row, CALLS[row.operation_id](api)).json()
    assert page["results"]
    assert ("meta" in page) is (row.kind is Kind.PAGE)


@each_row
@pytest.mark.parametrize("headers", [{}, {"AccessKey": "wrong"}], ids=["no-key", "wrong-key"])
def test_missing_or_wrong_key_returns_documented_error(api: Api, row: Row, headers: dict[str, str]) -> None:
    response = send(api, row, CALLS[row.operation_id](api), headers=headers)
    documented = next(body for body in row.errors if body.internal_code == 806)
    assert response.status_code == 403
    assert response.json() == json.loads(documented.raw)


@each_row
def test_unknown_query_parameter_returns_400_naming_it(api: Api, row: Row) -> None:
    call = CALLS[row.operation_id](api)
    response = send(api, row, call, query={**call.query, "unknownParameter": "1"})
    assert response.status_code == 400
    assert "unknownParameter" in response.text


@pytest.mark.parametrize("row", with_body, ids=lambda row: row.operation_id)
def test_unknown_body_field_returns_400_naming_it(api: Api, row: Row) -> None:
    call = CALLS[row.operation_id](api)
    response = send(api, row, call, body={**(call.body or {}), "unknownField": 1})
    assert response.status_code == 400
    assert "unknownField" in response.text


@pytest.mark.parametrize(
    ("operation_id", "items"), [("bulkUserImport", "users"), ("saveIltSessionProgress", "attendees")]
)
def test_unknown_field_of_list_item_returns_400_naming_it(api: Api, operation_id: str, items: str) -> None:
    call = CALLS[operation_id](api)
    body = call.body or {}
    items_with_unknown = [{**item, "unknownField": 1} for item in body[items]]
    response = send(api, ROW[operation_id], call, body={**body, items: items_with_unknown})
    assert response.status_code == 400
    assert "unknownField" in response.text


@pytest.mark.parametrize(
    ("row", "name"),
    [pytest.param(row, name, id=f"{row.operation_id}-{name}") for row in with_body for name in row.required],
)
def test_missing_required_field_returns_400_naming_it(api: Api, row: Row, name: str) -> None:
    call = CALLS[row.operation_id](api)
    body = {key: value for key, value in (call.body or {}).items() if key != name}
    response = send(api, row, call, body=body)
    assert response.status_code == 400
    assert name in response.text


@pytest.mark.parametrize("query", [{}, {"lessonScheduleId": ""}], ids=["missing", "empty"])
def test_embed_url_without_schedule_id_returns_400_naming_it(api: Api, query: dict[str, str]) -> None:
    response = api.send("GET", "/embed_player", query)
    assert response.status_code == 400
    assert "lessonScheduleId" in response.text


def test_update_user_accepts_put_and_post(api: Api) -> None:
    call = CALLS["updateUser"](api)
    path = ROW["updateUser"].path.format_map(call.path_parameters)
    responses = [api.send(method, path, body=call.body) for method in ("PUT", "POST")]
    assert [response.status_code for response in responses] == [200, 200]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.path_parameters], ids=lambda row: row.operation_id
)
def test_unknown_id_returns_404(api: Api, row: Row) -> None:
    unknown = dict.fromkeys(row.path_parameters, UNKNOWN_ID)
    call = CALLS[row.operation_id](api)
    # updateUser repeats the id in the body.
    body = {**call.body, "id": UNKNOWN_ID} if call.body and "id" in call.body else call.body
    response = send(api, row, call, path_parameters=unknown, body=body)
    assert response.status_code == 404
    for documented in row.errors:
        if documented.status == 404:
            assert_is_documented_error(response, documented)


def test_embed_url_of_unknown_schedule_returns_404(api: Api) -> None:
    response = api.send("GET", "/embed_player", {"lessonScheduleId": UNKNOWN_ID})
    assert response.status_code == 404
    assert_is_documented_error(response, bodies.SCHEDULE_NOT_FOUND)


@pytest.mark.parametrize(
    ("status", "documented"),
    [("completed", bodies.SCHEDULE_COMPLETED), ("cancelled", bodies.SCHEDULE_CANCELLED)],
)
def test_embed_url_of_completed_or_cancelled_schedule_returns_documented_error(
    api: Api, status: str, documented: ErrorBody
) -> None:
    schedule_id = next(api.schedules(status))["id"]
    for path, query in (
        ("/embed_player", {"lessonScheduleId": schedule_id}),
        (f"/embed_player/version/{schedule_id}", {}),
    ):
        response = api.send("GET", path, query)
        assert response.status_code == documented.status
        assert_is_documented_error(response, documented)


def test_scheduling_a_lesson_twice_returns_conflict(api: Api) -> None:
    row = ROW["scheduleUser"]
    call = CALLS[row.operation_id](api)
    assert send(api, row, call).status_code == 200
    response = send(api, row, call)
    assert response.status_code == bodies.SCHEDULE_EXISTS.status
    assert_is_documented_error(response, bodies.SCHEDULE_EXISTS)


def assert_is_documented_error(response: requests.Response, documented: ErrorBody) -> None:
    """Check that an error response is the documented one, with the id of the request."""
    if documented is bodies.NO_GROUP:
        assert "No group found for that Id" in response.text
    else:
        wanted = json.loads(documented.raw.replace("with id 1 ", f"with id {UNKNOWN_ID} "))
        assert response.json() == wanted
