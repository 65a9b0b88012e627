"""What the receiver, the triggerer, the command line and status tasks do with the tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from airflow_provider_damstra.assets import SCHEDULE_CHANGED, SCHEDULE_COMPLETED
from airflow_provider_damstra.requirements.status import TrainingState
from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.evaluated_trainings import EvaluatedTraining, EvaluatedTrainings
from airflow_provider_damstra.webhooks.events import parse_body
from airflow_provider_damstra.webhooks.inbox import EventState, InsertResult
from airflow_provider_damstra.webhooks.processor import LEASE, MAX_EVENTS_IN_PROGRESS
from airflow_provider_damstra.webhooks.training_history import record_evaluation
from benchmarks.inbox.database import CONN_ID, LESSONS

RETENTION = timedelta(days=30)
NEW_IDS = itertools.count(1_000_000)
"""Ids of lesson schedules that are not in the inbox."""

PEOPLE_PER_EVALUATION = 50
OPEN = (EventState.WAITING, EventState.REFUSED)

Operation = Callable[[int], int]


def webhook_body(name: str) -> bytes:
    """Return the body of a webhook about a lesson schedule that is not in the inbox."""
    content = {
        "name": name,
        "timeStamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "lessonScheduleId": str(next(NEW_IDS)),
        "userId": "7",
        **({"scheduleDate": "2027-01-05T00:00:00Z"} if name == SCHEDULE_CHANGED else {}),
    }
    return json.dumps(content).encode()


def insert(name: str, source: str) -> Operation:
    """Return what inserts a number of events and returns how many were new."""

    def run(count: int) -> int:
        bodies = [webhook_body(name) for _ in range(count)]
        results = [insert_event(*parse_body(body), conn_id=CONN_ID, source=source) for body in bodies]
        return results.count(InsertResult.RECEIVED)

    return run


def process(count: int) -> int:
    """Claim events as a worker does, confirm each and register its asset events; return their number."""
    done = 0
    while done < count and (
        rows := inbox.claim(limit=min(MAX_EVENTS_IN_PROGRESS, count - done), lease=LEASE)
    ):
        for row in rows:
            outcomes.confirm(row, confirmed_fields=frozenset(row["payload"]))
        done += len(rows)
    return done


def purge(count: int) -> int:
    """Delete expired events until the number is reached, and return how many were deleted."""
    done = 0
    while done < count and (deleted := inbox.purge_expired(retention=RETENTION)):
        done += deleted
    return done


def read_feed(count: int) -> int:
    """Read the feed a number of times, as a triggerer does, after the newest event."""
    cursor, _ = inbox.read_feed(CONN_ID, after=None)
    for _ in range(count):
        cursor, _ = inbox.read_feed(CONN_ID, after=cursor)
    return count


def list_page(count: int) -> int:
    """List the newest 100 open events, as ``airflow damstra inbox list`` does, a number of times."""
    for _ in range(count):
        inbox.list_events(states=OPEN)
    return count


def evaluate(count: int) -> int:
    """Record trainings of people whose history is stored, and return their number."""
    now = datetime.now(UTC)
    for people in _batches(range(1, count // LESSONS + 1)):
        trainings = tuple(
            EvaluatedTraining(
                user_id=user_id,
                lesson_id=200 + lesson,
                lesson_name="Fire",
                rule="Site",
                state=TrainingState.CURRENT,
                lesson_schedule_id=user_id,
                completed_at=now,
                expires_at=now + RETENTION,
                valid_through=(now + RETENTION).date(),
            )
            for user_id in people
            for lesson in range(1, LESSONS + 1)
        )
        record_evaluation(EvaluatedTrainings(at=now, trainings=trainings), conn_id=CONN_ID)
    return count // LESSONS * LESSONS


def _batches(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), PEOPLE_PER_EVALUATION):
        yield numbers[start : start + PEOPLE_PER_EVALUATION]


OPERATIONS: dict[str, Operation] = {
    "insert": insert(SCHEDULE_COMPLETED, WEBHOOK),
    "insert, change of date": insert(SCHEDULE_CHANGED, WEBHOOK),
    "insert, found by polling": insert(SCHEDULE_COMPLETED, POLLING),
    "claim and confirm": process,
    "purge": purge,
    "read the feed": read_feed,
    "list 100 open events": list_page,
    "record a training": evaluate,
}
"""Operations by name; each is called with a number of events and returns how many it has processed."""
