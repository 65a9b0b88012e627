"""Retry, refuse and purge events in the inbox, in SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.webhooks import inbox, inbox_actions, outcomes
from airflow_provider_damstra.webhooks.inbox import EventState, InsertResult
from airflow_provider_damstra.webhooks.inbox_actions import (
    ALLOWED_STATES,
    InboxAction,
    find_event_ids,
    purge_events,
    refuse_events,
    retry_events,
)
from tests.webhooks.metadata_db import create_dag, list_asset_events

if TYPE_CHECKING:
    from collections import Counter

LEASE = timedelta(minutes=1)
UPDATED = "user.settings.updated"
REASON = "refused by ann: it is a forgery"

pytestmark = pytest.mark.usefixtures("airflow_database")


def insert(dedup_key: str = "d", **fields: Any) -> InsertResult:
    event = {"conn_id": "damstra_default", "name": UPDATED, "payload": {"user_id": 7}, "source": "webhook"}
    return inbox.insert(**{**event, "dedup_key": dedup_key, **fields})


def claim() -> dict[str, Any]:
    (row,) = inbox.claim(limit=1, lease=LEASE)
    return row


def the_event() -> dict[str, Any]:
    (row,) = inbox.list_events()
    return row


def insert_in_state(state: EventState) -> int:
    insert()
    if state is EventState.CONFIRMED:
        outcomes.confirm(claim(), confirmed_fields=None)
    elif state is EventState.REFUSED:
        outcomes.refuse(claim(), "it does not exist")
    event = the_event()
    assert event["state"] == state
    return int(event["id"])


def run(action: InboxAction, *event_ids: int) -> inbox_actions.ActionResult:
    if action is InboxAction.REFUSE:
        return refuse_events(event_ids, reason=REASON)
    return {InboxAction.RETRY: retry_events, InboxAction.PURGE: purge_events}[action](event_ids)


@pytest.mark.parametrize("state", EventState)
@pytest.mark.parametrize("action", InboxAction)
def test_action_changes_event_in_allowed_state_only(action: InboxAction, state: EventState) -> None:
    event_id = insert_in_state(state)
    before = the_event()
    result = run(action, event_id, event_id + 1)
    if state in ALLOWED_STATES[action]:
        assert (result.changed, result.rejected) == ([event_id], {event_id + 1: None})
    else:
        assert (result.changed, result.rejected) == ([], {event_id: state, event_id + 1: None})
        assert the_event() == before


def test_retried_event_is_due_and_reopens_again() -> None:
    event_id = insert_in_state(EventState.REFUSED)
    for _ in range(inbox.MAX_REDELIVERIES):
        assert insert() == InsertResult.RECEIVED
        outcomes.refuse(claim(), "it does not exist")
    assert insert() == InsertResult.DUPLICATE
    retry_events([event_id])
    event = claim()
    assert (event["reason"], event["mismatches"], event["redeliveries"]) == (None, 0, 0)


def test_retry_during_lease_confirms_event_once() -> None:
    create_dag("one", UPDATED)
    insert()
    first = claim()
    assert inbox.claim(limit=1, lease=LEASE) == []
    retry_events([first["id"]])
    second = claim()
    outcomes.confirm(first, confirmed_fields=None)
    assert list_asset_events() == []
    outcomes.confirm(second, confirmed_fields=None)
    assert len(list_asset_events()) == 1


def test_refusal_during_lease_discards_result_and_is_final(metric_counts: Counter[str]) -> None:
    create_dag("one", UPDATED)
    insert()
    row = claim()
    refuse_events([row["id"]], reason=f"{REASON}\0")
    outcomes.confirm(row, confirmed_fields=None)
    inbox.release(row, until=datetime.now(UTC), reason="later")
    assert insert() == InsertResult.DUPLICATE
    event = the_event()
    assert (event["state"], event["reason"]) == (EventState.REFUSED, f"{REASON}\\0")
    assert event["processed_at"] is not None
    assert list_asset_events() == []
    assert metric_counts == {"refused": 1}


def test_purged_event_is_received_again() -> None:
    purge_events([insert_in_state(EventState.REFUSED)])
    assert inbox.list_events() == []
    assert insert() == InsertResult.RECEIVED


def test_events_are_changed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_actions, "BATCH_SIZE", 3)
    for number in range(8):
        insert(str(number))
    event_ids = find_event_ids(InboxAction.REFUSE)
    assert refuse_events([*event_ids, *event_ids], reason=REASON).changed == event_ids
    assert find_event_ids(InboxAction.REFUSE) == []
    assert find_event_ids(InboxAction.PURGE) == event_ids
    assert len(event_ids) == 8


def test_concurrent_purges_delete_each_event_once() -> None:
    for number in range(20):
        insert(str(number))
    event_ids = find_event_ids(InboxAction.REFUSE)
    refuse_events(event_ids, reason=REASON)
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(purge_events, [event_ids] * 4))
    assert sorted(changed for result in results for changed in result.changed) == event_ids
    assert inbox.list_events() == []


def test_events_are_found_by_connection_name_and_age() -> None:
    insert("1")
    insert("2", conn_id="another")
    insert("3", name="group.created")
    first, second, third = find_event_ids(InboxAction.RETRY)
    assert find_event_ids(InboxAction.RETRY, conn_id="another") == [second]
    assert find_event_ids(InboxAction.RETRY, conn_id="damstra_default", name=UPDATED) == [first]
    now = datetime.now(UTC)
    assert find_event_ids(InboxAction.RETRY, received_before=now - LEASE) == []
    assert find_event_ids(InboxAction.RETRY, received_before=now + LEASE) == [first, second, third]
