"""Every operation accepts its arguments by API names and Python names, and rejects all others."""

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


def endpoint_class(row: Row) -> type[Endpoint[Any]]:
    endpoint: type[Endpoint[Any]] = getattr(endpoints, row.class_name)
    return endpoint


def with_python_names(model: type[RequestModel], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with Python names instead of the API's names."""
    names = {field.serialization_alias or name: name for name, field in model.model_fields.items()}
    return {names.get(name, "user_id"): value for name, value in arguments.items()}


@each_row
def test_api_names_and_python_names_create_equal_calls(row: Row) -> None:
    endpoint = endpoint_class(row)
    call = endpoint.model_validate(row.arguments)
    assert endpoint(**with_python_names(endpoint, row.arguments)) == call
    assert call.request() == endpoint(**with_python_names(endpoint, row.arguments)).request()


@each_row
@pytest.mark.parametrize("name", ["nonsense", "userid", "Id"])
def test_unknown_argument_raises_naming_it(row: Row, name: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?m)^{name}\n.*not permitted"):
        endpoint_class(row).model_validate({**row.arguments, name: 1})


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind in PAGES], ids=lambda row: row.operation_id)
@pytest.mark.parametrize("name", ["startIndex", "maxResults", "start_index", "max_results"])
def test_paging_arguments_raise(row: Row, name: str) -> None:
    with pytest.raises(ValidationError, match="not permitted"):
        endpoint_class(row).model_validate({**row.arguments, name: 1})


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
def test_unknown_nested_argument_raises(model: type[RequestModel], arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(arguments)


@each_row
def test_missing_argument_raises(row: Row) -> None:
    endpoint = endpoint_class(row)
    required = {name for name, field in endpoint.model_fields.items() if field.is_required()}
    given = with_python_names(endpoint, row.arguments)
    for missing in required:
        rest = {name: value for name, value in given.items() if name != missing}
        with pytest.raises(ValidationError, match="Field required"):
            endpoint(**rest)


@each_row
def test_calls_are_frozen_and_compare_by_value(row: Row) -> None:
    endpoint = endpoint_class(row)
    call = endpoint.model_validate(row.arguments)
    assert call == endpoint.model_validate(row.arguments)
    for name in endpoint.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(call, name, None)
