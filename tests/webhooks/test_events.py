"""Parsing of the seven events, as the vendor documents them and in other spellings."""

from __future__ import annotations

import json

import pytest

from airflow_provider_damstra.webhooks.events import (
    EVENT_TYPES,
    Event,
    body_fields,
    parse_body,
    parse_event,
)
from tests.contract.webhooks import BODIES
from tests.webhooks.receiver_server import completed_event

each_event = pytest.mark.parametrize("name", BODIES)


def test_event_types_are_the_documented_ones() -> None:
    assert EVENT_TYPES.keys() == BODIES.keys()


@each_event
def test_body_fields_have_documented_spelling_and_order(name: str) -> None:
    assert ["name", *body_fields(name), "timeStamp"] == list(json.loads(BODIES[name]))


@each_event
def test_dedup_key_ignores_spelling_number_format_and_unknown_fields(name: str) -> None:
    documented = json.loads(BODIES[name])
    other = {
        {"userId": "userID", "userID": "userId"}.get(key, key): int(value) if value.isdigit() else value
        for key, value in documented.items()
    }
    event, same = parse_event(BODIES[name].encode()), parse_event(json.dumps(other | {"new": 1}).encode())
    assert type(event) is EVENT_TYPES[name]
    assert same.model_extra == {"new": 1}
    assert event.dedup_key() == same.dedup_key()


@each_event
def test_dedup_key_differs_for_another_user(name: str) -> None:
    documented = json.loads(BODIES[name])
    other = {key: "77" if key.lower() == "userid" else value for key, value in documented.items()}
    event, different = parse_event(BODIES[name].encode()), parse_event(json.dumps(other).encode())
    assert event.dedup_key() != different.dedup_key()


def test_unknown_event_keeps_all_fields() -> None:
    event = parse_event(b'{"name": "lesson.retired", "lessonId": "7"}')
    assert type(event) is Event
    assert event.model_extra == {"lessonId": "7"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"{}",
        b'{"name": 1.5}',
        b'{"name": []}',
        b'{"name": "user.settings.updated"}',
        b"[" * 60_000,
        b"\xff",
    ],
)
def test_invalid_body_raises_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"validation error|EOF|recursion|expected"):
        parse_event(body)


@pytest.mark.parametrize("spelling", ["userID", "user_id"])
def test_field_in_two_spellings_must_have_one_value(spelling: str) -> None:
    event = completed_event(user=7)
    with pytest.raises(ValueError, match="two different values"):
        parse_body(json.dumps({**event, spelling: 9}).encode())
    _, payload = parse_body(json.dumps({**event, spelling: 7}).encode())
    assert payload["user_id"] == 7
