"""The table, the OpenAPI description and the package name the same 38 operations."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra import endpoints
from tests.contract import openapi
from tests.contract.table import ROWS, Row
from tests.contract.webhooks import BODIES, event

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)
PAGING = ["maxResults", "startIndex"]
# Not marked as required on the page; the description adds it.
ADDED_REQUIRED = {
    "addGroupMembers": ("userIds",),
    "removeGroupMembers": ("userIds",),
    "addGroupSupervisors": ("userIds",),
    "removeGroupSupervisors": ("userIds",),
}


def test_table_has_one_row_for_each_of_38_operations() -> None:
    assert len(ROWS) == 38
    assert sorted(row.operation_id for row in ROWS) == sorted(openapi.operations())


def test_package_exports_exactly_one_class_for_each_operation() -> None:
    assert sorted(endpoints.__all__) == sorted(row.class_name for row in ROWS)
    assert len({getattr(endpoints, name) for name in endpoints.__all__}) == len(ROWS)


def parameters(operation: dict[str, Any], location: str) -> list[str]:
    """Return the names of an operation's parameters in a location (path or query)."""
    return sorted(found["name"] for found in operation.get("parameters", ()) if found["in"] == location)


@each_row
def test_table_matches_description(row: Row) -> None:
    method, path, operation = openapi.operations()[row.operation_id]
    assert (row.method, row.path) == (method, path)
    assert sorted(row.path_parameters) == parameters(operation, "path")
    assert sorted([*row.query, *(PAGING if row.paging else ())]) == parameters(operation, "query")


@each_row
def test_bodies_of_table_match_description(row: Row) -> None:
    operation = openapi.operations()[row.operation_id][2]
    if row.body is None:
        assert "requestBody" not in operation
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert sorted(row.body) == sorted(schema["properties"])
    assert sorted(schema.get("required", ())) == sorted(ADDED_REQUIRED.get(row.operation_id, row.required))
    assert openapi.schema_errors(schema, row.body) == []


def test_webhook_bodies_match_description() -> None:
    described = {name: shown["example"] for name, shown in openapi.SPEC["x-webhooks"].items()}
    assert {name: event(name) for name in BODIES} == described
