"""Bodies of webhooks, valid and hostile: documented responses only, and no accepted event is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_damstra.assets import EVENT_NAMES
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.events import body_fields
from tests.fuzz.settings import fuzz_settings
from tests.fuzz.strategies import encodings, json_values, mutated, numbers, texts, timestamps, to_json
from tests.fuzz.webhook_receiver import FuzzedReceiver, run_fuzzed_receiver
from tests.webhooks.metadata_db import list_asset_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALID_TIMES = st.sampled_from(
    [
        "2026-11-29T01:33:27.012Z",
        "0001-01-01T00:00:00.000+0800",
        "9999-12-31T23:59:59.000-0500",
        1_700_000_000,
    ]
)
VALID_IDS = st.integers(1, 2**63 - 1).flatmap(lambda number: st.sampled_from([number, str(number)]))
UNKNOWN_FIELDS = st.dictionaries(texts.map("x{}".format), json_values, max_size=3)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(
            ["application/json", "application/json;charset=x", "", "text/plain", ";"]
        ),
        "content-encoding": st.sampled_from(["", "identity", "utf-8", "gzip", ", ", "\xff"]),
        "content-length": st.sampled_from(["7", "-1", "x"]),
    },
)


@pytest.fixture(scope="module")
def receiver(_empty_metadata: Path) -> Iterator[FuzzedReceiver]:
    with pytest.MonkeyPatch.context() as patch, run_fuzzed_receiver(_empty_metadata, patch) as receiver:
        yield receiver


def known_events(
    *, ids: st.SearchStrategy[Any], times: st.SearchStrategy[Any], others: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Return the seven events with values from these strategies."""

    def fields(name: str) -> st.SearchStrategy[dict[str, Any]]:
        kinds = {
            field: ids if field.lower().endswith("id") else times if field.endswith("Date") else others
            for field in body_fields(name)
        }
        return st.fixed_dictionaries({"name": st.just(name), "timeStamp": times, **kinds})

    return st.sampled_from(EVENT_NAMES).flatmap(fields)


VALID_EVENTS = st.one_of(
    known_events(ids=VALID_IDS, times=VALID_TIMES, others=texts),
    st.fixed_dictionaries({"name": st.text(min_size=1, max_size=200)}),
)
ANY_EVENTS = st.one_of(
    VALID_EVENTS,
    VALID_EVENTS,
    known_events(ids=numbers, times=st.one_of(timestamps, numbers), others=json_values),
    st.fixed_dictionaries(
        {}, optional={"name": json_values, "user_id": json_values, "lesson_schedule_id": numbers}
    ),
    json_values,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return bodies of events, some in other encodings, damaged, or of no event at all."""
    event = draw(ANY_EVENTS)
    if isinstance(event, dict):
        event |= draw(UNKNOWN_FIELDS)
    options: Any = draw(encodings)
    body = to_json(event, **options)
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-16-be", "utf-32", "latin-1"]))
    body = body.decode().encode(encoding, errors="replace")
    return draw(st.just(body) | mutated(body))


@fuzz_settings
@given(body=st.one_of(bodies(), st.binary(max_size=40)), headers=HEADERS, is_polled=st.booleans())
def test_any_body_has_a_documented_response_and_is_processed_if_accepted(
    receiver: FuzzedReceiver, body: bytes, headers: dict[str, str], is_polled: bool
) -> None:
    receiver.clear()
    status, content = receiver.post(body, headers, is_polled=is_polled)
    assert status in (200, 400, 413, 415)
    if status == 200:
        assert_is_processed_once(receiver, content, receiver.post(body, headers, is_polled=is_polled))
    else:
        assert content.keys() == {"detail"}
        assert inbox.list_events() == []


@fuzz_settings
@given(event=VALID_EVENTS, unknown=UNKNOWN_FIELDS, encoding=encodings, is_polled=st.booleans())
def test_valid_event_with_any_other_fields_is_accepted_and_processed(
    receiver: FuzzedReceiver,
    event: dict[str, Any],
    unknown: dict[str, Any],
    encoding: Any,
    is_polled: bool,
) -> None:
    receiver.clear()
    body = to_json(unknown | event, **encoding)
    status, content = receiver.post(body, {}, is_polled=is_polled)
    assert status == 200
    assert_is_processed_once(receiver, content, receiver.post(body, {}, is_polled=is_polled))


def assert_is_processed_once(receiver: FuzzedReceiver, content: Any, repeated: tuple[int, Any]) -> None:
    """Assert that an accepted event is in the inbox and the feed once, and is refused or an asset event."""
    assert (content, repeated) == ({"result": "received"}, (200, {"result": "duplicate"}))
    status, feed = receiver.get_feed()
    assert (status, len(feed["events"])) == (200, 1)
    receiver.process()
    (row,) = inbox.list_events()
    asset_events = list_asset_events()
    if row["state"] == "refused":
        assert "cannot be distinguished from a replay" in row["reason"]
        assert asset_events == []
        return
    assert row["state"] == "confirmed"
    (asset_event,) = asset_events
    stored = json.loads(json.dumps(asset_event.extra))
    assert stored["payload"] | stored["unverified"] == row["payload"]
