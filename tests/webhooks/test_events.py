"""Reading the seven events, as printed on the vendor's page and as they may come instead."""

from __future__ import annotations

import json

import pytest

from airflow_provider_damstra.webhooks.events import EVENT_TYPES, UnknownEvent, body_fields, parse_event
from tests.contract.webhooks import BODIES

each_event = pytest.mark.parametrize("name", BODIES)


def test_there_are_the_seven() -> None:
    assert EVENT_TYPES.keys() == BODIES.keys()


@each_event
def test_members_are_spelled_and_ordered_as_printed(name: str) -> None:
    assert ["name", *body_fields(name), "timeStamp"] == list(json.loads(BODIES[name]))


@each_event
def test_either_spelling_and_ids_as_numbers_are_the_same_event(name: str) -> None:
    printed = json.loads(BODIES[name])
    other = {
        {"userId": "userID", "userID": "userId"}.get(key, key): int(value) if value.isdigit() else value
        for key, value in printed.items()
    }
    event, again = parse_event(BODIES[name].encode()), parse_event(json.dumps(other | {"new": 1}).encode())
    assert type(event) is EVENT_TYPES[name]
    assert again.model_extra == {"new": 1}
    assert event.dedup_key() == again.dedup_key()


@each_event
def test_another_user_is_another_event(name: str) -> None:
    other = {
        key: "77" if key.lower() == "userid" else value for key, value in json.loads(BODIES[name]).items()
    }
    assert (
        parse_event(json.dumps(other).encode()).dedup_key() != parse_event(BODIES[name].encode()).dedup_key()
    )


def test_an_unknown_event_is_kept_whole() -> None:
    event = parse_event(b'{"name": "lesson.retired", "lessonId": "7"}')
    assert isinstance(event, UnknownEvent)
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
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"validation error|EOF|recursion|expected"):
        parse_event(body)
