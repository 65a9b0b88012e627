"""Fields with a fast and a fallback schema: errors are reported once, JSON schemas are those of the type."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.models import Group, User
from airflow_provider_damstra.validation_errors import error_details

NO_NUMBER = "Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("field", "value", "problems"),
    [
        ("createdDate", [], ["createdDate: Input should be a valid datetime"]),
        (
            "createdDate",
            "soon",
            ["createdDate: Input should be a valid datetime or date, input is too short"],
        ),
        ("groups", 5, ["groups: Input should be a valid list"]),
        ("groups", [1, "x"], [f"groups.1: {NO_NUMBER}"]),
        ("groups", [{"id": 1}, {"id": "x"}], [f"groups.1: {NO_NUMBER}"]),
        ("groups", [{"name": "Dev"}], ["groups.0: Input should be a valid integer"]),
    ],
)
def test_validation_error_is_reported_once(field: str, value: Any, problems: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        User.model_validate({"id": 7, field: value})
    assert [
        f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error_details(caught.value)
    ] == problems


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_json_schema_is_of_declared_type(mode: Any) -> None:
    declared = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    described = Group.model_json_schema(mode=mode)["properties"]["createdDate"]
    assert {"anyOf": described["anyOf"]} == declared
    groups = User.model_json_schema(mode=mode)["properties"]["groups"]
    assert (groups["type"], groups["items"]) == ("array", {"type": "integer"})
