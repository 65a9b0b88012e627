"""Which fields of an event are confirmed by the API: the others are kept apart, and are not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import EVENT_NAMES
from tests.airflow_compat import BEFORE_3_2
from tests.webhooks.metadata_db import create_dag, list_asset_events, partition_key_of, wait_for_processed
from tests.webhooks.receiver_server import COMPLETED_ID, USER_ID, ReceiverServer, completed_event

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

IDS = {"lesson_schedule_id", "user_id"}
USER_NAME = "L.Murphy"
CASES: list[tuple[str, dict[str, Any], set[str], set[str]]] = [
    ("lesson.schedule.completed", {"passed": True, "score": 100}, IDS, {"passed", "score"}),
    ("lesson.schedule.created", {"lessonName": "Forged"}, IDS, {"lessonName"}),
    (
        "user.account.created",
        {"userName": USER_NAME, "firstName": "Forged", "lastName": "Name"},
        {"user_id", "user_name"},
        {"first_name", "last_name", "lessonScheduleId"},
    ),
    (
        "user.settings.updated",
        {"actingUserId": "1", "isAdmin": True},
        {"user_id"},
        {"acting_user_id", "isAdmin", "lessonScheduleId"},
    ),
]


@pytest.mark.parametrize(
    ("name", "fields", "confirmed", "unverified"), CASES, ids=[case[0] for case in CASES]
)
def test_only_compared_fields_are_confirmed(
    name: str, fields: dict[str, Any], confirmed: set[str], unverified: set[str], receiver: ReceiverServer
) -> None:
    create_dag("each", *EVENT_NAMES)
    receiver.post(completed_event(COMPLETED_ID, USER_ID, **{"name": name, **fields}))
    assert wait_for_processed()[0]["reason"] is None
    (event,) = list_asset_events()
    assert event.extra["verified"] is True
    assert event.extra["payload"].keys() == {"name", *confirmed}
    assert event.extra["unverified"].keys() == {"time_stamp", *unverified}


def test_user_that_the_schedule_does_not_show_is_unverified_and_no_partition_key(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    create_dag()
    schedule = {"id": COMPLETED_ID, "lessonId": 1, "lessonCompletedDate": "2026-01-01T00:00:00Z"}
    damstra_emulator.add_fault("status", status=200, body=schedule, path="/lesson_schedule/*")
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    assert wait_for_processed()[0]["reason"] is None
    (event,) = list_asset_events()
    assert event.extra["payload"].keys() == {"name", "lesson_schedule_id"}
    assert event.extra["unverified"]["user_id"] == USER_ID
    assert partition_key_of(event) is None


def test_confirmed_user_is_the_partition_key(receiver: ReceiverServer) -> None:
    create_dag()
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    wait_for_processed()
    (event,) = list_asset_events()
    assert partition_key_of(event) == (None if BEFORE_3_2 else str(USER_ID))
