"""Storage of events with any text and time, on SQLite and PostgreSQL. No receiver runs in this module."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from airflow import settings
from sqlalchemy import create_engine

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.database import inbox_table, metadata, transaction
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.events import parse_body
from tests.postgresql import HOST, USER
from tests.webhooks.receiver_server import CONN_ID, completed_event
from tests.webhooks.unclean_bodies import UNCLEAN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from tests.postgresql import PostgreSQL


@pytest.fixture(params=["sqlite", "Australia/Perth", "America/New_York"])
def inbox_database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """Use SQLite, or a PostgreSQL with a time zone in which the ends of ``datetime`` do not exist."""
    url = f"sqlite:///{tmp_path / 'airflow.db'}"
    if request.param != "sqlite":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        name = request.getfixturevalue("database")
        with server.connected() as connection:
            connection.execute(f"ALTER DATABASE {name} SET timezone = '{request.param}'".encode())
        url = f"postgresql+psycopg2://{USER}:{server.password}@{HOST}:{server.port}/{name}"
    engine = create_engine(url)
    metadata.create_all(engine)
    monkeypatch.setattr(settings, "engine", engine)
    yield engine
    engine.dispose()


def store(body: bytes, source: str = WEBHOOK) -> str:
    return insert_event(*parse_body(body), conn_id=CONN_ID, source=source)


@pytest.mark.usefixtures("inbox_database")
def test_each_database_stores_unclean_bodies_and_finds_them_by_schedule() -> None:
    for body, comment in UNCLEAN.values():
        assert store(body) == "received"
        assert store(body, POLLING) == "duplicate"
        (row,) = inbox.claim(limit=100, lease=timedelta(minutes=1))
        assert row["payload"]["comment"] == comment
        with transaction() as connection:
            connection.execute(inbox_table.delete())


TIMES = [
    "0001-01-01T00:00:00.000+0800",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999-0500",
    "9999-12-31T23:59:59Z",
]


@pytest.mark.usefixtures("inbox_database")
@pytest.mark.parametrize("name", ["lesson.schedule.completed", "lesson.schedule.changed"])
def test_event_of_any_time_is_stored_and_does_not_block_others(name: str) -> None:
    for source in (WEBHOOK, POLLING):
        for number, timestamp in enumerate(TIMES, 1):
            event = completed_event(number, timeStamp=timestamp, name=name, scheduleDate=timestamp)
            store(json.dumps(event).encode(), source)
    store(json.dumps(completed_event(77)).encode())
    rows = inbox.claim(limit=100, lease=timedelta(minutes=1))
    assert {row["payload"]["lesson_schedule_id"] for row in rows} == {1, 2, 3, 4, 77}
    assert inbox.purge_expired(retention=timedelta(days=1)) == 0
    assert all(abs(row["received_at"] - datetime.now(UTC)) < timedelta(minutes=5) for row in rows)
