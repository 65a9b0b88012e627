"""Columns: one for each member that is known, and none is lost."""

from __future__ import annotations

import json

import pytest

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.columns import cells_of, columns_of
from airflow_provider_damstra.exports.resources import RESOURCES


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_columns_are_distinct_and_end_with_the_unknown(resource: object) -> None:
    columns = columns_of(resource)  # type: ignore[arg-type]
    assert len(set(columns)) == len(columns)
    assert {"id", "lesson_version_id"} & set(columns)
    assert columns[-1] == "other_members"


def row(name: str, **members: object) -> dict[str, str]:
    resource = RESOURCES[name]
    return dict(zip(columns_of(resource), cells_of(resource, json.dumps(members).encode()), strict=True))


def test_a_cell_is_a_text_that_can_be_read_back() -> None:
    cells = row(
        "users", id=7, firstName="Zo\u00eb", groups=[{"id": 3}], createdDate="2026-01-31T09:00:00+08:00"
    )
    assert (cells["id"], cells["first_name"], cells["groups"]) == ("7", "Zo\u00eb", "[3]")
    assert cells["created_date"] == "2026-01-31T01:00:00.000Z"
    assert cells["last_name"] == cells["other_members"] == ""


def test_booleans_are_in_lower_case() -> None:
    assert row("ilt_attendees", id=1, passed=True)["passed"] == "true"


def test_what_is_not_known_is_kept() -> None:
    cells = row("lessons", lessonVersionId=1, shoeSize={"eu": 44})
    assert json.loads(cells["other_members"]) == {"shoeSize": {"eu": 44}}


def test_the_group_has_a_column_and_is_not_unknown() -> None:
    cells = row("group_members", groupId=5, id=7)
    assert (cells["group_id"], cells["other_members"]) == ("5", "")


def test_a_member_that_changed_its_type_is_named() -> None:
    with pytest.raises(DamstraResponseError, match=r"row of users cannot .*\(id: .*JSON lines") as caught:
        row("users", id="seven")
    assert caught.value.__context__ is None
