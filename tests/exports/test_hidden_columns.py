"""Rows without excluded columns and with hashes of others: which bytes stay, and which values are equal."""

from __future__ import annotations

import hashlib
import hmac
import json
import traceback
from typing import Any

import pytest

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.hidden_columns import HiddenColumns
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import resource_columns, row_values

KEY = b"0123456789abcdef0123456789abcdef"
USERS = RESOURCES["users"]
SECRET = "Ada"


def hashed(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def reduced(row: str | bytes, **options: Any) -> bytes:
    [text] = HiddenColumns(USERS, hash_key=KEY, **options).reduce(
        [row if isinstance(row, bytes) else row.encode()]
    )
    return bytes(text)


def test_order_and_bytes_of_other_members_stay() -> None:
    row = (
        b'{"zeta": 1.50,"firstName":"Ada","lastName": "Zo\\u00eb \\/ \\"B\\"" ,"groups": [ {"id":1} ],"id":7}'
    )
    expected = b'{"zeta":1.50,"lastName":"Zo\\u00eb \\/ \\"B\\"","groups":[ {"id":1} ],"id":7}'
    assert reduced(row, excluded=["first_name"]) == expected
    assert reduced(row, excluded=["firstName"]) == expected
    everything = '{"firstName":"Ada","id":7}'
    assert reduced(everything, excluded=["id", "first_name"]) == b"{}"


@pytest.mark.parametrize(
    "row",
    [
        '{"id":7,"firstName":"Ada"}',
        '{"id":7,"first_name":"Ada"}',
        '{"id":7,"\\u0066irstName":"Ada"}',
        '{"firstName":"Ada","id":7,"firstName":"Ada"}',
        '{"id":7,"firstName":{"of":["Ada"]}}',
        b'{"id":7,"firstName":"Ada \xff"}',
        '{"id":7,"firstName":"Ada \\ud83d"}',
    ],
)
def test_excluded_member_is_found_in_every_spelling(row: str | bytes) -> None:
    assert reduced(row, excluded=["first_name"]) == b'{"id":7}'
    assert SECRET.encode() not in reduced(row, hashed=["first_name"])


def test_unknown_members_can_be_excluded() -> None:
    row = '{"id":7,"birthday":"1815-12-10","userName":"ada"}'
    hidden = HiddenColumns(USERS, excluded=["other_members"])
    assert hidden.reduce([row.encode()]) == [b'{"id":7,"userName":"ada"}']
    assert "other_members" not in [column.name for column in resource_columns(hidden.resource)]
    assert len(row_values(hidden.resource, b'{"id":7}')) == len(resource_columns(USERS)) - 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"E 7"', "E 7"),
        ('"Zo\\u00eb"', "Zoë"),
        ('"Zoë"', "Zoë"),
        ('" "', " "),
        ("7", "7"),
        ('"7"', "7"),
        ("7.0", "7"),
        ("70e-1", "7"),
        ("7.5", "7.5"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "true"),
        ('[ {"b": 1, "a": "x"} ]', '[{"a":"x","b":1}]'),
    ],
)
def test_hash_is_that_of_the_text_of_the_value(value: str, text: str) -> None:
    row = json.loads(reduced(f'{{"employeeNumber":{value}}}', hashed=["employee_number"]))
    assert row == {"employeeNumber": hashed(text)}


def test_null_stays_null() -> None:
    assert reduced('{"employeeNumber": null}', hashed=["employeeNumber"]) == b'{"employeeNumber":null}'


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=[*RESOURCES])
def test_every_column_can_be_hashed_and_becomes_text(resource: Any) -> None:
    names = [column.name for column in resource_columns(resource)][:-1]
    hidden = HiddenColumns(resource, hashed=names, hash_key=KEY)
    *columns, others = resource_columns(hidden.resource)
    assert [(column.name, column.type, column.is_key) for column in columns] == [
        (name, "text", name in resource.key) for name in names
    ]
    aliases = {
        name: resource.model.model_fields[name].serialization_alias for name in resource.model.model_fields
    }
    row = {aliases.get(name) or resource.parent_member: 7 for name in names}
    [text] = hidden.reduce([json.dumps(row).encode()])
    assert row_values(hidden.resource, text) == (*[hashed("7")] * len(names), None)
    assert others.name == "other_members"


def test_remaining_columns_keep_their_types() -> None:
    hidden = HiddenColumns(USERS, excluded=["first_name"], hashed=["email_address"], hash_key=KEY)
    kept = [column for column in resource_columns(USERS) if column.name != "first_name"]
    assert resource_columns(hidden.resource) == tuple(kept)


@pytest.mark.parametrize("row", ["[7]", '"Ada"', "7", "null", '{"firstName":"Ada"'])
def test_row_that_cannot_be_reduced_is_an_error_without_its_values(row: str) -> None:
    with pytest.raises(DamstraResponseError, match="columns of a row of users cannot be hidden") as caught:
        reduced(row, excluded=["first_name"])
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            {"excluded": ["emial_address"]},
            "exclude_columns: users have no column emial_address (did you mean ",
        ),
        ({"hashed": ["Name", "x"]}, "hash_columns: users have no column Name and no x"),
        ({"hashed": ["birthday"]}, "they have id, user_name, first_name,"),
        ({"excluded": ["id"], "hashed": ["id"]}, "exclude_columns and hash_columns both have id"),
        ({"excluded": ["userName"], "hashed": ["user_name"]}, "both have user_name"),
        ({"hashed": ["other_members"]}, "exclude them"),
        ({"excluded": [column.name for column in resource_columns(USERS)]}, "no column of users is left"),
    ],
)
def test_impossible_selection_is_rejected(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=r"columns") as caught:
        HiddenColumns(USERS, hash_key=KEY, **options)
    assert why in str(caught.value)


def test_fingerprint_depends_on_columns_and_key_and_contains_neither() -> None:
    one = HiddenColumns(USERS, hashed=["id"], hash_key=KEY).fingerprint
    other_key = HiddenColumns(USERS, hashed=["id"], hash_key=KEY[::-1]).fingerprint
    other_columns = HiddenColumns(USERS, hashed=["id", "user_name"], hash_key=KEY).fingerprint
    assert len({one, other_key, other_columns}) == 3
    assert KEY.decode() not in one
    assert HiddenColumns(USERS, hashed=["id"], hash_key=KEY).fingerprint == one
