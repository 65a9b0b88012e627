"""The benchmark of the inbox: the cost of an event is independent of the number of rows in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow import settings
from sqlalchemy import create_engine

from benchmarks.inbox.__main__ import lines
from benchmarks.inbox.contender import measure, measure_blocks, measure_floors
from benchmarks.inbox.database import WAITING, create_tables, fill
from benchmarks.inbox.floor import FLOORS
from benchmarks.inbox.operations import OPERATIONS
from tests.postgresql import HOST, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from sqlalchemy import Engine

    from tests.postgresql import PostgreSQL

SMALL, LARGE = 4_000, 40_000
EVENTS = 10


@pytest.fixture
def engine(postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Use a PostgreSQL database with Airflow's tables and the provider's as the metadata database."""
    url = f"postgresql+psycopg2://{USER}:{postgresql.password}@{HOST}:{postgresql.port}/{database}"
    engine = create_engine(url)
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", url)
    create_tables(engine)
    yield engine
    engine.dispose()


def test_each_event_reads_as_many_blocks_in_large_tables_as_in_small_ones(engine: Engine) -> None:
    fill(engine, SMALL)
    small = {name: measure_blocks(engine, run)["blocks"] for name, run in OPERATIONS.items()}
    fill(engine, LARGE, first=SMALL + 1)
    large = {name: measure_blocks(engine, run)["blocks"] for name, run in OPERATIONS.items()}
    # A tree of an index has one level more.
    assert [name for name in OPERATIONS if large[name] > 2 * small[name] + 5] == []


def test_floors_process_every_event(engine: Engine, postgresql: PostgreSQL, database: str) -> None:
    # Each round of the purge deletes a batch of 500, and a fifth of the rows is expired.
    rows = 3 * SMALL
    fill(engine, rows)
    with postgresql.connected(database) as connection:
        assert measure_floors(connection, EVENTS).keys() <= OPERATIONS.keys()
        assert count_waiting(connection) == rows * WAITING


def count_waiting(connection: psycopg.Connection) -> int:
    cursor = connection.execute("SELECT count(*) FROM damstra_webhook_inbox WHERE state = 'waiting'")
    (count,) = cursor.fetchone() or (0,)
    return int(count)


def test_missing_events_fail_the_measurement() -> None:
    with pytest.raises(ValueError, match="9 events were processed of 10"):
        measure(lambda count: count - 1, EVENTS)


def test_table_shows_growth_and_ratio_to_floor() -> None:
    ours = {name: {"milliseconds": 2.0, "blocks": 4.0} for name in OPERATIONS}
    slower = {name: {"milliseconds": 3.0, "blocks": 4.0} for name in OPERATIONS}
    floor = {name: {"milliseconds": 1.0} for name in FLOORS}
    found = lines({10: (ours, floor), 100: (slower, floor)})
    assert found[:2] == [
        "| insert | 10 | 2.00 | 1.00 | 2.0 | 1.00 | 4 | 1.00 |",
        "| insert | 100 | 3.00 | 1.00 | 3.0 | 1.50 | 4 | 1.00 |",
    ]
