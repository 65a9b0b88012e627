"""Every operation takes the API's names and Python's, and nothing that the page does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.endpoints.ilt_session import AttendeeProgress
from airflow_provider_damstra.endpoints.user import ImportedUser
from tests.contract.table import PAGES, ROWS, Row

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint, RequestModel

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)


def endpoint_of(row: Row) -> type[Endpoint[Any]]:
    endpoint: type[Endpoint[Any]] = getattr(endpoints, row.class_name)
    return endpoint


def in_python(model: type[RequestModel], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that have the API's own names with Python's names instead."""
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    return {names.get(name, "user_id"): value for name, value in arguments.items()}


@each_row
def test_both_spellings_make_the_same_call(row: Row) -> None:
    endpoint = endpoint_of(row)
    call = endpoint.model_validate(row.arguments)
    assert endpoint(**in_python(endpoint, row.arguments)) == call
    assert call.request() == endpoint(**in_python(endpoint, row.arguments)).request()


@each_row
@pytest.mark.parametrize("name", ["nonsense", "userid", "Id"])
def test_an_unknown_member_is_refused_by_its_name(row: Row, name: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?m)^{name}\n.*not permitted"):
        endpoint_of(row).model_validate({**row.arguments, name: 1})


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in PAGES], ids=lambda row: row.operation_id)
@pytest.mark.parametrize("name", ["startIndex", "maxResults", "start_index", "max_results"])
def test_paging_is_not_the_callers(row: Row, name: str) -> None:
    with pytest.raises(ValidationError, match="not permitted"):
        endpoint_of(row).model_validate({**row.arguments, name: 1})


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (ImportedUser, {"userName": "j.smith", "password": "x"}),
        (AttendeeProgress, {"id": 1, "userId": 2}),
        (endpoints.CreateUser, {"groups": [{"id": 1, "name": "Dev"}]}),
        (endpoints.BulkUserImport, {"users": [{"userName": "j.smith", "groups": [1]}]}),
        (endpoints.SaveIltSessionProgress, {"iltSessionId": 1, "attendees": [{"id": 1, "score": 9}]}),
    ],
)
def test_what_stands_inside_is_as_strict(model: type[RequestModel], arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(arguments)


@each_row
def test_a_missing_argument_is_named(row: Row) -> None:
    endpoint = endpoint_of(row)
    required = {name for name, field in endpoint.model_fields.items() if field.is_required()}
    given = in_python(endpoint, row.arguments)
    for missing in required:
        rest = {name: value for name, value in given.items() if name != missing}
        with pytest.raises(ValidationError, match="Field required"):
            endpoint(**rest)


@each_row
def test_a_call_is_a_value(row: Row) -> None:
    endpoint = endpoint_of(row)
    call = endpoint.model_validate(row.arguments)
    assert call == endpoint.model_validate(row.arguments)
    for name in endpoint.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(call, name, None)
