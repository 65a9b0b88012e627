"""What is read in two ways, one of them quick, is refused once, and described as what it is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.models import Group, User
from airflow_provider_damstra.validation_errors import error_details

NO_NUMBER = "Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("member", "value", "problems"),
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
def test_what_does_not_fit_is_said_once(member: str, value: Any, problems: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        User.model_validate({"id": 7, member: value})
    assert [
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error_details(refused.value)
    ] == problems


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_schema_says_the_declared_type(mode: Any) -> None:
    moment = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    described = Group.model_json_schema(mode=mode)["properties"]["createdDate"]
    assert {"anyOf": described["anyOf"]} == moment
    groups = User.model_json_schema(mode=mode)["properties"]["groups"]
    assert (groups["type"], groups["items"]) == ("array", {"type": "integer"})
