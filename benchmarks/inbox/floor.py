"""The same rows with bare statements through psycopg, one transaction for each event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_damstra.assets import SCHEDULE_COMPLETED
from benchmarks.inbox.database import CONN_ID
from benchmarks.inbox.operations import NEW_IDS, webhook_body

if TYPE_CHECKING:
    import psycopg

Floor = Callable[["psycopg.Connection", int], int]

_INSERT = """
    INSERT INTO damstra_webhook_inbox (
        conn_id, name, dedup_key, payload, lesson_schedule_id,
        source, state, attempts, redeliveries, mismatches,
        waiting_since, next_attempt_at, occurred_at, received_at
    ) VALUES (%s, %s, %s, %s, %s, 'webhook', 'waiting', 0, 0, 0, now(), now(), now(), now())
"""
_NEXT = """
    SELECT * FROM damstra_webhook_inbox WHERE state = 'waiting' AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_CONFIRM = "UPDATE damstra_webhook_inbox SET state = 'confirmed', processed_at = now() WHERE id = %s"
_ASSET_EVENT = """
    INSERT INTO asset_event (asset_id, extra, source_map_index, timestamp)
    SELECT min(id), %s, -1, now() FROM asset
"""
_PURGE = """
    DELETE FROM damstra_webhook_inbox WHERE id IN (
        SELECT id FROM damstra_webhook_inbox WHERE received_at < now() - interval '30 days' LIMIT 500
    )
"""
_FEED = """
    SELECT id, name, payload FROM damstra_webhook_inbox
    WHERE id > (SELECT max(id) FROM damstra_webhook_inbox)
"""
_PAGE = "SELECT * FROM damstra_webhook_inbox WHERE state = 'waiting' ORDER BY id DESC LIMIT 100"
_TRAINING = """
    UPDATE damstra_training_history SET changed_at = now(), periods = %s
    WHERE conn_id = %s AND lesson_id = 201 AND user_id = %s
"""


def insert(connection: psycopg.Connection, count: int) -> int:
    """Insert events."""
    for _ in range(count):
        number = next(NEW_IDS)
        row = (
            CONN_ID,
            SCHEDULE_COMPLETED,
            f"floor {number}",
            webhook_body(SCHEDULE_COMPLETED).decode(),
            number,
        )
        with connection.transaction():
            connection.execute(_INSERT, row)
    return count


def process(connection: psycopg.Connection, count: int) -> int:
    """Select, confirm and register one event after the other."""
    for _ in range(count):
        with connection.transaction():
            row = connection.execute(_NEXT).fetchone()
            assert row is not None  # noqa: S101 (there are more waiting rows)
            connection.execute(_CONFIRM, (row[0],))
            connection.execute(_ASSET_EVENT, (json.dumps(row[4]),))
    return count


def purge(connection: psycopg.Connection, count: int) -> int:
    """Delete expired events."""
    done = 0
    while done < count and (deleted := connection.execute(_PURGE).rowcount):
        done += deleted
    return done


def _select(statement: bytes) -> Floor:
    def run(connection: psycopg.Connection, count: int) -> int:
        for _ in range(count):
            connection.execute(statement).fetchall()
        return count

    return run


def evaluate(connection: psycopg.Connection, count: int) -> int:
    """Update rows of the history, 250 in a transaction."""
    for start in range(0, count, 250):
        with connection.transaction(), connection.cursor() as cursor:
            rows = [("[]", CONN_ID, number + 1) for number in range(start, min(start + 250, count))]
            cursor.executemany(_TRAINING, rows)
    return count


FLOORS: dict[str, Floor] = {
    "insert": insert,
    "claim and confirm": process,
    "purge": purge,
    "read the feed": _select(_FEED.encode()),
    "list 100 open events": _select(_PAGE.encode()),
    "record a training": evaluate,
}
"""Bare statements by the name of the operation that they are the floor of."""
