"""Columns: one for each field of the model, with its type; no member is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import resource_columns, row_values

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.resources import Resource


def row(name: str, **members: object) -> dict[str, Any]:
    resource = RESOURCES[name]
    values = row_values(resource, json.dumps(members).encode())
    return {column.name: value for column, value in zip(resource_columns(resource), values, strict=True)}


each_resource = pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)


@each_resource
def test_columns_are_distinct_and_end_with_other_members(resource: Resource) -> None:
    names = [column.name for column in resource_columns(resource)]
    assert len(set(names)) == len(names)
    assert names[-1] == "other_members"


KEYS = {
    "group_members": ["group_id", "id"],
    "group_supervisors": ["group_id", "id"],
    "lessons": ["lesson_version_id"],
    "lesson_details": ["lesson_version_id"],
}


@each_resource
def test_key_columns_are_primary_key(resource: Resource) -> None:
    keys = [column for column in resource_columns(resource) if column.is_key]
    assert [column.name for column in keys] == KEYS.get(resource.name, ["id"]) == list(resource.key)
    assert {column.type for column in keys} == {"integer"}


def test_column_types_follow_from_models() -> None:
    columns = {column.name: column.type for name in RESOURCES for column in resource_columns(RESOURCES[name])}
    expected = {
        "integer": {"client_status_id", "status_id", "member_count", "group_id"},
        "number": {"duration", "progress", "pass_rate"},
        "boolean": {"passed", "in_library"},
        "text": {"first_name", "status", "state", "notes"},
        "timestamp": {"created_date", "lesson_completed_date", "start_datetime"},
        "json": {"groups", "roles", "lesson_version_custom_fields", "other_members"},
    }
    for kind, names in expected.items():
        assert {columns[name] for name in names} == {kind}


def test_values_have_plain_types() -> None:
    values = row(
        "users",
        id=7,
        firstName="Zo\u00eb",
        groups=[{"id": 3}],
        roles=[6, 99],
        clientStatusId=56,
        createdDate="2026-01-31T09:00:00+08:00",
    )
    assert (values["id"], values["first_name"], values["groups"]) == (7, "Zo\u00eb", "[3]")
    assert (values["roles"], values["client_status_id"]) == ("[6, 99]", 56)
    assert values["created_date"] == datetime(2026, 1, 31, 1, tzinfo=UTC)
    assert values["last_name"] is values["other_members"] is None
    assert {type(value) for value in values.values()} == {int, str, datetime, type(None)}
    assert type(row("lesson_schedules", id=1, status="due")["status"]) is str


def test_unknown_members_are_kept() -> None:
    values = row("lessons", lessonVersionId=1, shoeSize={"eu": 44})
    assert json.loads(values["other_members"]) == {"shoeSize": {"eu": 44}}


def test_added_parent_id_has_own_column() -> None:
    values = row("group_members", groupId=5, id=7)
    assert (values["group_id"], values["other_members"]) == (5, None)


@pytest.mark.parametrize("value", ["seven", 2**63, None, 1.5, [1]], ids=str)
def test_value_of_undocumented_type_is_named(value: object) -> None:
    with pytest.raises(DamstraResponseError, match=r"row of users cannot .*\(id: .*JSON lines") as caught:
        row("users", id=value)
    assert caught.value.__context__ is None


def test_number_beyond_64_bits_is_named() -> None:
    with pytest.raises(DamstraResponseError, match=r"\(duration: it does not fit"):
        row("lessons", lessonVersionId=1, duration=10**400)


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0001-01-01T00:00:00.000+0800", EARLIEST), ("9999-12-31T23:59:59.000-0500", LATEST)],
)
def test_timestamp_outside_of_range_in_utc_is_clamped(text: str, expected: datetime) -> None:
    assert row("lesson_schedules", id=1, startDate=text)["start_date"] == expected


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (rb"Bob\ud83d", "Bob\ufffd"),
        (rb"\ude00\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d", r"\ud83d"),
        (b"Bob\xff", "Bob\ufffd"),
    ],
)
def test_character_that_no_column_can_hold_is_replaced(sent: bytes, kept: str) -> None:
    resource = RESOURCES["users"]
    values = row_values(resource, b'{"id":1,"firstName":"%s","shoe%s":"%s"}' % (sent, sent, sent))
    assert values[2] == kept
    assert json.loads(values[-1]) == {f"shoe{kept}": kept}


def test_number_beyond_float_is_null_among_other_members() -> None:
    assert row_values(RESOURCES["users"], b'{"id":1,"x":[1e999,"NaN",{"y":-1e999}]}')[-1] == (
        '{"x": [null, "NaN", {"y": null}]}'
    )


@pytest.mark.parametrize("value", [b"[" * 500 + b"]" * 500, b"9" * 5000, b'"' + b"9" * 5000 + b'"'])
def test_hostile_value_is_rejected_with_error_of_this_package(value: bytes) -> None:
    with pytest.raises(DamstraResponseError, match="a row of users cannot be put into columns"):
        row_values(RESOURCES["users"], b'{"id":1,"clientId":1,"clientStatusId":%s}' % value)
