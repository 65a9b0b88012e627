"""Events that polling saw and a webhook may have brought: one asset event, whichever comes first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.webhooks import inbox
from tests.webhooks.metadata_db import wait_for_processed
from tests.webhooks.receiver_server import (
    COMPLETED_ID,
    CONN_ID,
    USER_ID,
    ReceiverServer,
    Response,
    completed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.testing import DamstraEmulator

MONDAY, TUESDAY = "2026-11-23T01:33:27.012Z", "2026-11-24T01:33:27.000Z"


def miss(served: ReceiverServer, event: dict[str, Any], token: str | None = None) -> Response:
    bearer = f"Bearer {served.token if token is None else token}"
    headers = {"Content-Type": "application/json", "Authorization": bearer}
    return served.ask("POST", f"/damstra/missed/{CONN_ID}", json.dumps(event).encode(), headers)


def changed(to: str, **more: Any) -> dict[str, Any]:
    return {
        **completed(COMPLETED_ID, USER_ID),
        "name": "lesson.schedule.changed",
        "scheduleDate": to,
        **more,
    }


def results(*answers: Response) -> list[str]:
    return [answer.json["result"] for answer in answers]


def test_what_no_webhook_brought_is_confirmed_like_any_other(receiver: ReceiverServer) -> None:
    assert results(miss(receiver, completed(COMPLETED_ID, USER_ID))) == ["received"]
    (row,) = wait_for_processed()
    assert (row["state"], row["source"]) == ("confirmed", "polling")


@pytest.mark.parametrize("is_webhook_first", [True, False])
def test_one_of_a_webhook_and_polling_is_taken(receiver: ReceiverServer, is_webhook_first: bool) -> None:
    ways = [receiver.post, lambda event: miss(receiver, event)]
    first, second = ways if is_webhook_first else reversed(ways)
    # Each tells a time of its own: who looks does not know when it happened.
    answers = [
        first(completed(COMPLETED_ID, USER_ID, timeStamp=MONDAY)),
        second(completed(COMPLETED_ID, USER_ID)),
    ]
    again = [
        receiver.post(completed(COMPLETED_ID, USER_ID, timeStamp=MONDAY)),
        miss(receiver, completed(COMPLETED_ID, USER_ID)),
    ]
    assert results(*answers, *again) == ["received", "duplicate", "duplicate", "duplicate"]
    assert len(inbox.list_events()) == 1


@pytest.mark.usefixtures("refused_for_good")
def test_each_date_that_a_schedule_is_moved_to_is_an_event(receiver: ReceiverServer) -> None:
    webhook = receiver.post(changed(MONDAY))
    seen = [miss(receiver, changed(to)) for to in ("2026-11-23T01:33:27+0000", TUESDAY, TUESDAY)]
    assert results(webhook, *seen) == ["received", "duplicate", "received", "duplicate"]


@pytest.mark.usefixtures("refused_for_good")
@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_no_date_is_too_far_away(receiver: ReceiverServer, date: str) -> None:
    assert results(receiver.post(changed(date)), miss(receiver, changed(date))) == ["received", "duplicate"]


def test_what_was_refused_was_not_brought(
    receiver: ReceiverServer, damstra_emulator: DamstraEmulator
) -> None:
    forged = completed(30040, USER_ID)
    receiver.post(forged)
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    damstra_emulator.complete_lesson_schedule(30040)
    assert results(miss(receiver, completed(30040, USER_ID))) == ["received"]
    assert {row["state"] for row in wait_for_processed(2)} == {"refused", "confirmed"}


@pytest.mark.usefixtures("refused_for_good")
@pytest.mark.parametrize("forge", [miss, ReceiverServer.post])
def test_what_is_forged_of_another_user_hides_nothing(
    receiver: ReceiverServer, forge: Callable[..., Response]
) -> None:
    for event in (completed(COMPLETED_ID, USER_ID), changed(MONDAY)):
        other = {**event, "userId": "1012"}
        assert results(forge(receiver, other), miss(receiver, event)) == ["received", "received"]
        assert results(receiver.post(event)) == ["duplicate"]


def test_strangers_are_sent_away(receiver: ReceiverServer) -> None:
    assert miss(receiver, completed(COMPLETED_ID, USER_ID), token="x" * 43).status == 404
    assert miss(receiver, {"name": 7}).status == 400
    assert miss(receiver, {**completed(), "name": "lesson.schedule.changed"}).status == 400
    assert inbox.list_events() == []
