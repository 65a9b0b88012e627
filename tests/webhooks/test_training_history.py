"""Registration of training events in SQLite and PostgreSQL: once, also after a kill and with concurrency."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from airflow_provider_damstra.assets import TRAINING_EVENTS
from airflow_provider_damstra.webhooks import training_history
from airflow_provider_damstra.webhooks.asset_events import register_asset_events
from airflow_provider_damstra.webhooks.database import (
    InboxUnavailableError,
    training_history_table,
    transaction,
)
from airflow_provider_damstra.webhooks.training_history import record_evaluation
from tests.webhooks.metadata_db import create_dag, list_asset_events, list_queued_dags, partition_key_of
from tests.webhooks.trainings import CONN_ID, DAY, MISSING, START, evaluation, status

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.webhooks.evaluated_trainings import EvaluatedTrainings

THREADS = 8
PEOPLE = range(1, 21)


def all_with(one: TrainingStatus, *, day: int) -> EvaluatedTrainings:
    return evaluation(dict.fromkeys(PEOPLE, one), day=day)


def event_counts() -> Counter[tuple[str, int]]:
    """Return how often each event of each person was registered."""
    payloads = [event.extra["payload"] for event in list_asset_events()]
    return Counter((payload["name"], payload["user_id"]) for payload in payloads)


def each_once(*names: str) -> dict[tuple[str, int], int]:
    return {(name, user_id): 1 for name in names for user_id in PEOPLE}


@pytest.fixture(autouse=True)
def _dag(airflow_database: Engine) -> None:
    create_dag("follow_up", *TRAINING_EVENTS, "all")


def test_event_updates_its_asset_and_queues_dags_without_partitions() -> None:
    record_evaluation(evaluation({7: MISSING}, day=0), conn_id=CONN_ID)
    assert record_evaluation(evaluation({7: status("current")}, day=2), conn_id=CONN_ID) == {
        "training.current": 1
    }
    (event,) = list_asset_events()
    assert event.extra["payload"] == {
        "name": "training.current",
        "user_id": 7,
        "lesson_id": 201,
        "lesson_name": "Fire",
        "rule": "Site",
        "state": "current",
        "lesson_schedule_id": 7,
        "completed_at": "2026-03-02T00:00:00Z",
        "expires_at": "2026-06-09T00:00:00Z",
        "valid_through": "2026-06-08",
        "evaluated_at": "2026-03-03T00:00:00+00:00",
    }
    assert (event.extra["source"], event.extra["verified"]) == ("evaluation", True)
    assert partition_key_of(event) in ("7", None)
    assert list_queued_dags() == ["follow_up"]


def test_expired_training_that_is_scheduled_again_is_expired() -> None:
    counts = record_evaluation(evaluation({7: status("assigned"), 8: MISSING}, day=200), conn_id=CONN_ID)
    assert counts == {"training.expired": 1}


def test_lessons_people_and_connections_have_separate_histories() -> None:
    first, second = status("current"), status("current", lesson_id=202)
    record_evaluation(
        evaluation([(7, MISSING), (7, status("missing", lesson_id=202, schedule_id=None))], day=0),
        conn_id=CONN_ID,
    )
    both = evaluation([(7, first), (7, second), (8, first)], day=2)
    assert record_evaluation(both, conn_id=CONN_ID) == {"training.current": 3}
    assert record_evaluation(both, conn_id=CONN_ID) == {}
    # For this connection it is the first evaluation, in which a completion is no event.
    assert record_evaluation(both, conn_id="other") == {}


def test_event_that_no_dag_uses_is_registered_nowhere_and_not_later_either() -> None:
    assert record_evaluation(evaluation({7: status("expired")}, day=200), conn_id="other") == {
        "training.expired": 1
    }
    assert list_asset_events() == []


@pytest.mark.parametrize("survived", range(2 * len(PEOPLE) + 1, 0, -5))
def test_failure_between_any_two_events_loses_and_doubles_none(
    survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies within the transaction leaves nothing behind, neither history nor events."""
    record_evaluation(all_with(MISSING, day=0), conn_id=CONN_ID)
    calls = 0

    def register_or_die(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == survived:
            raise KeyboardInterrupt
        return register_asset_events(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(training_history, "register_asset_events", register_or_die)
        late = all_with(status("expiring"), day=90)
        if survived <= 2 * len(PEOPLE):
            with pytest.raises(KeyboardInterrupt):
                record_evaluation(late, conn_id=CONN_ID)
            assert list_asset_events() == []
        record_evaluation(late, conn_id=CONN_ID)
    assert event_counts() == each_once("training.current", "training.expiring")


def test_overlapping_evaluations_register_each_event_once() -> None:
    record_evaluation(all_with(MISSING, day=0), conn_id=CONN_ID)
    with ThreadPoolExecutor(THREADS) as threads:
        results = list(
            threads.map(
                lambda _: record_evaluation(all_with(status("current"), day=2), conn_id=CONN_ID),
                range(THREADS),
            )
        )
    assert sum(result.total() for result in results) == len(PEOPLE)
    assert event_counts() == each_once("training.current")


def test_overlapping_first_evaluations_register_each_event_once() -> None:
    """The row of a lesson exists for none of them."""
    with ThreadPoolExecutor(THREADS) as threads:
        list(
            threads.map(
                lambda _: record_evaluation(all_with(status("expired"), day=200), conn_id=CONN_ID),
                range(THREADS),
            )
        )
    assert event_counts() == each_once("training.expired")
    with transaction() as connection:
        assert len(connection.execute(select(training_history_table)).all()) == len(PEOPLE) + 1


def test_earlier_evaluation_that_is_late_changes_nothing() -> None:
    record_evaluation(all_with(status("expired"), day=200), conn_id=CONN_ID)
    for state in ("current", "expiring", "expired"):
        assert record_evaluation(all_with(status(state), day=90), conn_id=CONN_ID) == {}
    assert event_counts() == each_once("training.expired")


def test_evaluation_without_changes_writes_no_history(airflow_database: Engine) -> None:
    record_evaluation(all_with(status("current"), day=2), conn_id=CONN_ID)
    record_evaluation(all_with(status("current"), day=3), conn_id=CONN_ID)
    query = select(training_history_table.c.changed_at).distinct()
    with airflow_database.connect() as connection:
        assert list(connection.scalars(query)) == [START + 2 * DAY]


def test_repeated_constraint_violation_is_an_unavailable_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_history, "_FIRST_EVALUATION", None)
    with pytest.raises(InboxUnavailableError, match="rejects rows"):
        record_evaluation(evaluation({7: MISSING}, day=0), conn_id=CONN_ID)


def test_time_of_evaluation_is_compared_across_time_zones() -> None:
    record_evaluation(evaluation({7: MISSING}, day=2), conn_id=CONN_ID)
    earlier = (START + 2 * DAY - timedelta(seconds=1)).astimezone(ZoneInfo("Australia/Perth"))
    late = evaluation({7: status("current")}, day=2).model_copy(update={"at": earlier})
    assert record_evaluation(late, conn_id=CONN_ID) == {}
