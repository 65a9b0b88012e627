"""From a webhook to an asset event: events are verified with the emulator, and confirmed once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from airflow.assets.manager import asset_manager

from airflow_provider_damstra.assets import EVENT_NAMES
from airflow_provider_damstra.endpoints import (
    ActivateUser,
    CreateUser,
    InactivateUser,
    ListLessons,
    ScheduleUser,
)
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.webhooks import inbox, outcomes
from tests.airflow_compat import BEFORE_3_2
from tests.waiting import wait_until
from tests.webhooks.metadata_db import (
    COMPLETED,
    create_dag,
    list_asset_events,
    list_queued_dags,
    partition_key_of,
    wait_for_processed,
)
from tests.webhooks.receiver_server import COMPLETED_ID, OPEN_ID, USER_ID, ReceiverServer, completed_event

if TYPE_CHECKING:
    from collections import Counter

    from airflow_provider_damstra.testing import DamstraEmulator


def test_verified_completion_registers_one_asset_event(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    create_dag()
    create_dag("paused", is_paused=True)
    damstra_emulator.add_webhook(receiver.webhook_url)
    damstra_emulator.complete_lesson_schedule(OPEN_ID)
    (row,) = wait_for_processed()
    assert (row["state"], row["reason"]) == ("confirmed", None)
    (event,) = list_asset_events()
    assert event.extra == {
        "payload": {"name": COMPLETED, "lesson_schedule_id": OPEN_ID, "user_id": USER_ID},
        "unverified": {"time_stamp": row["payload"]["time_stamp"]},
        "source": "webhook",
        "received_at": row["received_at"].isoformat(),
        "verified": True,
    }
    assert partition_key_of(event) == (None if BEFORE_3_2 else str(row["payload"]["user_id"]))
    assert list_queued_dags() == ["congratulate"]


def test_each_event_type_is_confirmed(damstra_emulator: DamstraEmulator, receiver: ReceiverServer) -> None:
    create_dag("each", *EVENT_NAMES)
    create_dag("all", "all")
    damstra_emulator.add_webhook(receiver.webhook_url)
    hook = DamstraHook()
    new = CreateUser(user_name="n.new", first_name="N", last_name="New", email_address="n@example.com")
    damstra_emulator.complete_lesson_schedule(OPEN_ID)
    damstra_emulator.move_lesson_schedule(30068, datetime.now(UTC) + timedelta(days=3))
    user_id = hook.call(new).id
    wait_for_processed(3)
    damstra_emulator.cancel_lesson_schedule(30068)
    hook.call(InactivateUser(user_id=user_id))
    wait_for_processed(5)
    hook.call(ActivateUser(user_id=user_id))
    (lesson,) = islice(hook.iterate(ListLessons(published_states="active")), 1)
    versions = [lesson.lesson_version_id]
    hook.call(
        ScheduleUser(user_id=user_id, lesson_version_ids=versions, grace_period=1, grace_period_unit="days")
    )
    rows = wait_for_processed(7)
    assert {(row["name"], row["state"]) for row in rows} == {(name, "confirmed") for name in EVENT_NAMES}
    assert len(list_asset_events()) == 14


METRICS = ("received", "duplicate", "unknown", "rejected", "not_found", "confirmed", "refused")
CHANGED = {"name": "lesson.schedule.changed", "scheduleDate": "2031-01-01T00:00:00Z"}
CANCELLED = {"name": "lesson.schedule.cancelled", "cancellationReason": "X"}
CREATED_USER = {"name": "user.account.created", "userName": "x", "firstName": "", "lastName": ""}
FORGED_EVENTS: list[tuple[int, int, dict[str, Any], str]] = [
    (OPEN_ID, USER_ID, {}, "the schedule is not completed"),
    (COMPLETED_ID, 1012, {}, "the schedule is another user's (1011)"),
    (7, USER_ID, {}, "Damstra has no such schedule or user"),
    (COMPLETED_ID, 1012, {"name": "lesson.schedule.created"}, "another user's"),
    (OPEN_ID, USER_ID, CHANGED, "not 2031-01-01T00:00:00+00:00"),
    (OPEN_ID, USER_ID, CANCELLED, "no such cancelled schedule"),
    (0, USER_ID, CREATED_USER, "user 1011 has another user name"),
    (0, USER_ID, {"name": "user.account.inactivate", "userName": "l.murphy"}, "the user is active"),
    (0, 99, {"name": "user.settings.updated", "actingUserId": "1"}, "no such schedule or user"),
    (COMPLETED_ID, USER_ID, {"timeStamp": "2020-01-01T00:00:00Z"}, "cannot be distinguished from a replay"),
]


def test_forged_event_is_refused_with_a_warning(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture
) -> None:
    create_dag("each", *EVENT_NAMES)
    create_dag("all", "all")
    events = [completed_event(schedule, user, **fields) for schedule, user, fields, _ in FORGED_EVENTS]
    for event in events:
        assert receiver.post(event).status == 200
    rows = wait_for_processed(len(events))
    for row, event, (*_, reason) in zip(reversed(rows), events, FORGED_EVENTS, strict=True):
        assert row["state"] == "refused"
        assert reason in row["reason"]
        assert f"refused event {row['id']} of connection 'damstra_default' ({event['name']}" in caplog.text
    assert (list_asset_events(), list_queued_dags()) == ([], [])


def test_redelivery_of_refused_event_is_verified_again(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    event = completed_event(OPEN_ID, USER_ID)
    receiver.post(event)
    assert wait_for_processed()[0]["state"] == "refused"
    damstra_emulator.complete_lesson_schedule(OPEN_ID)
    assert receiver.post(event).json == {"result": "received"}
    wait_until(lambda: inbox.list_events()[0]["state"] == "confirmed", "the event to be confirmed")


def test_redelivery_after_maximum_is_a_duplicate(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_REDELIVERIES", 1)
    event = completed_event(7, USER_ID)
    for _ in range(inbox.MAX_REDELIVERIES + 1):
        assert receiver.post(event).json == {"result": "received"}
        wait_until(lambda: inbox.list_events()[0]["state"] == "refused", "the event to be refused")
    assert receiver.post(event).json == {"result": "duplicate"}


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 500}, {"kind": "drop_before"}, {"kind": "html"}]
)
def test_event_waits_while_damstra_fails(
    fault: dict[str, Any], damstra_emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    create_dag()
    damstra_emulator.complete_lesson_schedule(OPEN_ID)
    damstra_emulator.add_fault(**fault)
    receiver.post(completed_event(OPEN_ID, USER_ID))
    wait_until(lambda: bool(inbox.list_events()[0]["reason"]), "a failed verification")
    assert inbox.list_events()[0]["state"] == "waiting"
    assert list_asset_events() == []
    damstra_emulator.clear_faults()
    assert wait_for_processed()[0]["state"] == "confirmed"
    assert len(list_asset_events()) == 1


def test_event_is_refused_with_a_warning_after_maximum_retry_age(
    damstra_emulator: DamstraEmulator,
    receiver: ReceiverServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(milliseconds=100))
    damstra_emulator.add_fault("status", status=503)
    receiver.post(completed_event(OPEN_ID, USER_ID))
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    assert "could not be confirmed" in row["reason"]
    wait_until(lambda: row["reason"] in caplog.text, "the warning")


def test_failed_registration_does_not_delay_other_events(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_dag("all", "all")
    register = asset_manager.register_asset_change

    def register_or_fail(*, extra: dict[str, Any], **arguments: Any) -> None:
        if extra["payload"]["name"] == "lesson.retired":
            raise RuntimeError("no such DAG")
        register(extra=extra, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(asset_manager, "register_asset_change", register_or_fail)
        receiver.post({"name": "lesson.retired"})
        receiver.post(completed_event(COMPLETED_ID, USER_ID))
        assert wait_for_processed()[0]["name"] == "lesson.schedule.completed"
        wait_until(lambda: "no such DAG" in str(inbox.list_events()[1]["reason"]), "the failure to be stored")
    assert "Airflow could not register event" in caplog.text
    assert len(wait_for_processed(2)) == 2
    assert len(list_asset_events()) == 2


def test_receiver_counts_events_and_requests(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer, metric_counts: Counter[str]
) -> None:
    unknown = {"name": "lesson.retired"}
    events = (
        completed_event(COMPLETED_ID, USER_ID),
        completed_event(7, USER_ID),
        unknown,
        unknown,
        {"name": ""},
    )
    for event in events:
        receiver.post(event)
    receiver.post(completed_event(), receiver.webhook_path(token="wrong"))
    wait_for_processed(3)
    wait_until(
        lambda: metric_counts["confirmed"] + metric_counts["refused"] == 3, "the last event to be counted"
    )
    assert metric_counts["request"] == len(damstra_emulator.journal(path="/lesson_schedule/**")) >= 2
    assert {name: metric_counts[name] for name in METRICS} == {
        "received": 3,
        "duplicate": 1,
        "unknown": 2,
        "rejected": 1,
        "not_found": 1,
        "confirmed": 2,
        "refused": 1,
    }


def test_allowed_unknown_event_updates_only_the_asset_of_all_events(receiver: ReceiverServer) -> None:
    create_dag("all", "all")
    create_dag()
    receiver.post({"name": "lesson.retired", "lessonId": "7"})
    wait_for_processed()
    (event,) = list_asset_events()
    assert event.extra["payload"] == {"name": "lesson.retired"}
    assert event.extra["unverified"] == {"lessonId": "7"}
    assert (event.extra["verified"], partition_key_of(event), list_queued_dags()) == (False, None, ["all"])


def test_unknown_event_has_no_partition_key(receiver: ReceiverServer) -> None:
    create_dag("all", "all")
    receiver.post({"name": "lesson.retired", "user_id": "x" * 300})
    wait_for_processed()
    assert [partition_key_of(event) for event in list_asset_events()] == [None]


def test_event_without_dag_is_confirmed_without_asset_event(receiver: ReceiverServer) -> None:
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    assert wait_for_processed()[0]["state"] == "confirmed"
    assert list_asset_events() == []
