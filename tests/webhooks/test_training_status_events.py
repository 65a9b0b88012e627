"""Events of ``DamstraTrainingStatusOperator``, from the emulator's completions to queued DAGs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import TRAINING_EVENTS, TRAINING_EXPIRED
from airflow_provider_damstra.webhooks import evaluation_sender
from airflow_provider_damstra.webhooks.evaluation_sender import EvaluationSender, ReceiverError
from tests.operators.task_runner import fail_fast_message, run
from tests.transfers.training_statuses import INDUCTION, read_rows, record_completion, status_operator
from tests.webhooks.metadata_db import create_dag, list_asset_events, list_queued_dags, partition_key_of
from tests.webhooks.receiver_server import HOST, ReceiverServer

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

USERS = (1004, 1011)
RULE: dict[str, Any] = {
    "lessons": [INDUCTION],
    "users": list(USERS),
    "valid_for": "12 months",
    "warn_before": "30 days",
}


@pytest.fixture(autouse=True)
def _address(receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{receiver.port}")
    create_dag("follow_up", TRAINING_EXPIRED)


def run_status(path: Path | None, *, at: datetime, rule: dict[str, Any] = RULE) -> Any:
    return run(status_operator(path, rule, emit_events=True), run_after=at).value


def events() -> list[tuple[str, int]]:
    payloads = [event.extra["payload"] for event in list_asset_events()]
    return [(payload["name"], payload["user_id"]) for payload in payloads]


def test_days_of_a_training_have_each_event_once(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    create_dag("access", *TRAINING_EVENTS)
    now = damstra_emulator.now
    counts = [run_status(None, at=now - timedelta(days=400))["events"]]
    schedule_id = record_completion(api, 1004, INDUCTION, now)
    rule = {**RULE, "users": [1004]}
    for days in (0, 0, 1, 336, 337, 300, 367, 366, 400):
        at = now + timedelta(days=days, minutes=1)
        counts.append(run_status(tmp_path / f"{days}.jsonl", at=at, rule=rule)["events"])
    assert [" ".join(one) for one in counts] == [
        "",
        "training.current",
        "",
        "",
        "training.expiring",
        "",
        "",
        "training.expired",
        "",
        "",
    ]
    registered = list_asset_events()
    assert {partition_key_of(event) for event in registered} <= {"1004", None}
    assert {event.extra["payload"]["lesson_schedule_id"] for event in registered} == {schedule_id}
    assert list_queued_dags() == ["access", "follow_up"]


def test_task_that_dies_before_the_last_batch_has_each_event_once_after_its_retry(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_sender, "MAX_TRAININGS", 1)
    for user_id in USERS:
        record_completion(api, user_id, INDUCTION, damstra_emulator.now)
    expired = damstra_emulator.now + timedelta(days=400)
    path = tmp_path / "rows.jsonl"

    def die(_: EvaluationSender, *__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EvaluationSender, "__exit__", die)
        with pytest.raises(KeyboardInterrupt):
            run_status(path, at=expired)
    assert len(events()) == 1
    assert run_status(path, at=expired)["events"] == {TRAINING_EXPIRED: 1}
    assert sorted(events()) == [(TRAINING_EXPIRED, user_id) for user_id in USERS]
    assert len(read_rows(path)) == len(USERS)


def test_task_fails_and_can_be_retried_if_the_receiver_cannot_be_reached(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_sender, "MAX_ATTEMPTS", 1)
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:1")
    with pytest.raises(ReceiverError, match="webhooks_enabled"):
        run_status(None, at=damstra_emulator.now)


def test_nothing_is_sent_without_emit_events(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:1")
    outcome = run(status_operator(None, RULE), run_after=damstra_emulator.now)
    assert "events" not in outcome.value


def test_evaluation_of_a_future_time_has_no_events(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer, tmp_path: Path
) -> None:
    now = damstra_emulator.now
    path = tmp_path / "rows.jsonl"
    operator = status_operator(path, RULE, emit_events=True, at=(now + timedelta(days=60)).isoformat())
    assert "emit_events: at is " in fail_fast_message(operator, run_after=now)
    assert (events(), path.exists()) == ([], False)
