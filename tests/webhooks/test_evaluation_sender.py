"""Training statuses on their way from a task to the receiver: authentication, batches, lost responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tenacity
from airflow import settings
from airflow.models.asset import AssetEvent, AssetModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import TRAINING_EVENTS, TRAINING_EXPIRED
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.webhooks import evaluation_sender
from airflow_provider_damstra.webhooks import receiver as receiver_module
from airflow_provider_damstra.webhooks.auth import task_token
from airflow_provider_damstra.webhooks.database import InboxUnavailableError
from airflow_provider_damstra.webhooks.evaluation_sender import (
    MAX_ATTEMPTS,
    MAX_BATCH_BYTES,
    EvaluationSender,
    ReceiverError,
)
from airflow_provider_damstra.webhooks.receiver import MAX_BODY_BYTES
from airflow_provider_damstra.webhooks.training_history import record_evaluation
from tests.webhooks.metadata_db import create_dag, list_asset_events, wait_for_processed
from tests.webhooks.receiver_server import CONN_ID, HOST, ReceiverServer
from tests.webhooks.trainings import DAY, MISSING, START, evaluation, status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_damstra.requirements.status import TrainingStatus


@pytest.fixture(autouse=True)
def _address(receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{receiver.port}")
    monkeypatch.setattr(tenacity.nap, "time", type("Clock", (), {"sleep": lambda _: None}))
    create_dag("follow_up", *TRAINING_EVENTS)


def send(statuses: Iterable[tuple[int, TrainingStatus]], *, day: int) -> dict[str, int]:
    with EvaluationSender(DamstraHook(damstra_conn_id=CONN_ID), at=START + day * DAY) as sender:
        for user_id, one in statuses:
            sender.add(user_id, one)
    return dict(sender.counts)


def count_asset_events() -> int:
    with Session(settings.engine) as session:
        return session.scalar(select(func.count()).select_from(AssetEvent)) or 0


def test_statuses_become_events_and_are_sent_again_without_effect() -> None:
    people = range(1, 601)
    assert send(((one, MISSING) for one in people), day=0) == {}
    assert send(((one, status("expiring")) for one in people), day=2) == {
        "training.current": 600,
        "training.expiring": 600,
    }
    assert send(((one, status("expiring")) for one in people), day=2) == {}
    assert count_asset_events() == 1200


def test_batch_of_the_largest_size_is_below_the_limit_of_the_receiver() -> None:
    assert MAX_BATCH_BYTES + 1024 < MAX_BODY_BYTES
    name = "訓練\0" * 2000
    statuses = [(one, status("expired")) for one in range(1, 100)]
    for _, one in statuses:
        object.__setattr__(one.requirement, "lesson_name", name)
    assert send(statuses, day=200) == {TRAINING_EXPIRED: 99}
    names = {event.extra["payload"]["lesson_name"] for event in list_asset_events()}
    assert names == {name[:200].replace("\0", "\ufffd")}


def test_nothing_is_sent_at_the_end_of_a_task_that_fails() -> None:
    def fail() -> Iterable[tuple[int, TrainingStatus]]:
        yield 7, status("expired")
        raise KeyError(8)

    with pytest.raises(KeyError, match="8"):
        send(fail(), day=200)
    assert count_asset_events() == 0


def test_lost_response_is_sent_again_and_registers_each_event_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def record_and_lose_response(*args: Any, **kwargs: Any) -> Any:
        calls.append(record_evaluation(*args, **kwargs))
        if len(calls) == 1:
            raise InboxUnavailableError("The response is lost.")
        return calls[-1]

    monkeypatch.setattr(receiver_module, "record_evaluation", record_and_lose_response)
    send([(7, status("expired"))], day=200)
    assert [dict(counts) for counts in calls] == [{"training.expired": 1}, {}]
    assert count_asset_events() == 1


def test_task_that_dies_between_any_two_batches_has_sent_each_event_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluation_sender, "MAX_TRAININGS", 2)
    statuses = [(one, status("expired")) for one in range(1, 8)]
    for survived in range(len(statuses)):
        with pytest.raises(KeyboardInterrupt):
            send(_interrupted(statuses, survived), day=200)
    assert sum(send(statuses, day=200).values()) + 4 == len(statuses)
    user_ids = [event.extra["payload"]["user_id"] for event in list_asset_events()]
    assert user_ids == list(range(1, 8))


def _interrupted(
    statuses: list[tuple[int, TrainingStatus]], survived: int
) -> Iterable[tuple[int, TrainingStatus]]:
    yield from statuses[:survived]
    raise KeyboardInterrupt


def test_receiver_that_cannot_be_reached_raises_with_advice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://user:secret-word@{HOST}:1")
    with pytest.raises(ReceiverError, match=r"webhooks_enabled = True.*receiver_url") as caught:
        send([(7, status("expired"))], day=200)
    assert len([one for one in caplog.records if "ReceiverError" in one.message]) == MAX_ATTEMPTS - 1
    assert "secret-word" not in str(caught.value) + caplog.text


def test_only_the_token_of_the_access_key_is_accepted(receiver: ReceiverServer) -> None:
    """The webhook token is in a URL that others have: with it, no unconfirmed event can be created."""
    body = evaluation({7: status("expired")}, day=200).model_dump_json().encode()
    path = f"/damstra/evaluations/{CONN_ID}"
    key = DamstraHook(damstra_conn_id=CONN_ID).settings.access_key.get_secret_value()
    for token in (receiver.token, key, task_token("another"), ""):
        response = receiver.post(body, path, Authorization=f"Bearer {token}")
        assert response.status == 404
    assert count_asset_events() == 0
    headers = {"Authorization": f"Bearer {task_token(key)}"}
    assert receiver.post(body, path, **headers).json == {"events": {"training.expired": 1}}
    for other in ("webhooks", "missed"):
        assert receiver.post(body, f"/damstra/{other}/{CONN_ID}", **headers).status == 404
    assert receiver.get_feed(token=task_token(key)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"at": "2026-03-01T00:00:00", "trainings": []}',
        b'{"at": "2026-03-01T00:00:00Z", "trainings": [{"user_id": 0, "lesson_id": 1}]}',
    ],
)
def test_malformed_evaluation_is_rejected_as_a_whole(body: bytes, receiver: ReceiverServer) -> None:
    key = DamstraHook(damstra_conn_id=CONN_ID).settings.access_key.get_secret_value()
    path = f"/damstra/evaluations/{CONN_ID}"
    assert receiver.post(body, path, Authorization=f"Bearer {task_token(key)}").status == 400


def test_webhook_with_the_name_of_a_training_event_does_not_update_its_asset(
    receiver: ReceiverServer,
) -> None:
    """The receiver of these tests allows unknown events."""
    create_dag("all", "all")
    receiver.post({"name": "training.expired", "userId": 7})
    (row,) = wait_for_processed()
    assert row["state"] == "confirmed"
    with Session(settings.engine) as session:
        uris = list(
            session.scalars(select(AssetModel.uri).join(AssetEvent, AssetEvent.asset_id == AssetModel.id))
        )
    assert uris == [f"damstra://{CONN_ID}/all"]
