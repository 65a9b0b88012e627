"""Events that polling found and a webhook may have delivered: one row, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.webhooks import inbox
from tests.webhooks.metadata_db import wait_for_processed
from tests.webhooks.receiver_server import (
    COMPLETED_ID,
    OPEN_ID,
    USER_ID,
    ReceiverServer,
    Response,
    completed_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.testing import DamstraEmulator

MONDAY, TUESDAY = "2026-11-23T01:33:27.012Z", "2026-11-24T01:33:27.000Z"


def completion(**fields: Any) -> dict[str, Any]:
    return completed_event(COMPLETED_ID, USER_ID, **fields)


def reschedule(to: str, **fields: Any) -> dict[str, Any]:
    return completion(name="lesson.schedule.changed", scheduleDate=to, **fields)


def results(*responses: Response) -> list[str]:
    return [response.json["result"] for response in responses]


def test_missed_event_is_confirmed_with_source_polling(receiver: ReceiverServer) -> None:
    assert results(receiver.post_missed(completion())) == ["received"]
    (row,) = wait_for_processed()
    assert (row["state"], row["source"]) == ("confirmed", "polling")


@pytest.mark.parametrize("is_webhook_first", [True, False])
def test_event_from_both_sources_is_stored_once(receiver: ReceiverServer, is_webhook_first: bool) -> None:
    sources: list[Callable[..., Response]] = [receiver.post, receiver.post_missed]
    first, second = sources if is_webhook_first else reversed(sources)
    # The times differ: polling does not know when it occurred.
    responses = [first(completion(timeStamp=MONDAY)), second(completion())]
    repeated = [receiver.post(completion(timeStamp=MONDAY)), receiver.post_missed(completion())]
    assert results(*responses, *repeated) == ["received", "duplicate", "duplicate", "duplicate"]
    assert len(inbox.list_events()) == 1


@pytest.mark.usefixtures("no_reopening")
def test_each_date_of_a_rescheduled_lesson_is_an_event(receiver: ReceiverServer) -> None:
    delivered = receiver.post(reschedule(MONDAY))
    dates = ("2026-11-23T01:33:27+0000", TUESDAY, TUESDAY)
    polled = [receiver.post_missed(reschedule(date)) for date in dates]
    assert results(delivered, *polled) == ["received", "duplicate", "received", "duplicate"]


@pytest.mark.usefixtures("no_reopening")
@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_extreme_schedule_date_is_deduplicated(receiver: ReceiverServer, date: str) -> None:
    responses = receiver.post(reschedule(date)), receiver.post_missed(reschedule(date))
    assert results(*responses) == ["received", "duplicate"]


def test_refused_webhook_does_not_hide_missed_event(
    receiver: ReceiverServer, damstra_emulator: DamstraEmulator
) -> None:
    receiver.post(completed_event(OPEN_ID, USER_ID))
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    damstra_emulator.complete_lesson_schedule(OPEN_ID)
    assert results(receiver.post_missed(completed_event(OPEN_ID, USER_ID))) == ["received"]
    assert {row["state"] for row in wait_for_processed(2)} == {"refused", "confirmed"}


@pytest.mark.usefixtures("no_reopening")
@pytest.mark.parametrize("forge", [ReceiverServer.post_missed, ReceiverServer.post])
def test_event_forged_with_another_user_does_not_hide_the_real_one(
    receiver: ReceiverServer, forge: Callable[..., Response]
) -> None:
    for event in (completion(), reschedule(MONDAY)):
        forged = {**event, "userId": "1012"}
        assert results(forge(receiver, forged), receiver.post_missed(event)) == ["received", "received"]
        assert results(receiver.post(event)) == ["duplicate"]


def test_missed_event_requires_token_and_valid_body(receiver: ReceiverServer) -> None:
    assert receiver.post_missed(completion(), token="x" * 43).status == 404
    assert receiver.post_missed({"name": 7}).status == 400
    assert receiver.post_missed({**completed_event(), "name": "lesson.schedule.changed"}).status == 400
    assert inbox.list_events() == []
