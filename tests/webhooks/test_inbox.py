"""The inbox in SQLite and PostgreSQL: migrations, concurrent processes, purging, and values of any kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from airflow import settings
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import SCHEDULE_CHANGED, SCHEDULE_COMPLETED
from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.database import (
    DamstraDBManager,
    InboxUnavailableError,
    UnstorableEventError,
    inbox_table,
    metadata,
    transaction,
)
from airflow_provider_damstra.webhooks.events import MAX_NAME_LENGTH
from airflow_provider_damstra.webhooks.inbox import EventState, InsertResult
from tests.airflow_compat import BEFORE_3_2
from tests.postgresql import HOST
from tests.webhooks.conftest import DATABASES, database_url, use_engine
from tests.webhooks.metadata_db import (
    create_dag,
    list_asset_events,
    list_queued_dags,
    list_queued_events,
    partition_key_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from tests.postgresql import PostgreSQL

LEASE = timedelta(minutes=1)
CONN_ID = "damstra_default"
THREADS = 8
UPDATED = "user.settings.updated"
FIELDS = frozenset({"name", "user_id"})

needs_partitions = pytest.mark.needs_airflow("3.2")  # before it, Airflow itself queues the DAGs
needs_psycopg3 = pytest.mark.needs_airflow("3.1")  # whose SQLAlchemy supports this driver


@pytest.fixture(params=DATABASES)
def empty_database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """Use an empty database as Airflow's metadata database."""
    name = None if request.param == "sqlite" else request.getfixturevalue("database")
    url = database_url(request, tmp_path, name)
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", url)
    yield from use_engine(create_engine(url), monkeypatch)


@pytest.fixture
def psycopg3_database(
    postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """Use a PostgreSQL database with the inbox, and psycopg 3, which separates parameters from the SQL."""
    fields = postgresql.connection_fields(database)
    host, port = fields["host"], fields["port"]
    url = URL.create("postgresql+psycopg", fields["login"], fields["password"], host, port, database)
    engine = create_engine(url)
    metadata.create_all(engine)
    yield from use_engine(engine, monkeypatch)


def insert(dedup_key: str = "d", **fields: Any) -> InsertResult:
    event = {"conn_id": CONN_ID, "name": UPDATED, "payload": {"user_id": 7}, "source": "webhook"}
    return inbox.insert(**{**event, "dedup_key": dedup_key, **fields})


def db_manager(session: Session) -> Any:
    return DamstraDBManager(session)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "choice",
    [
        {},
        pytest.param({"use_migration_files": True}, marks=pytest.mark.needs_airflow("3.2")),
    ],
)
def test_migrated_table_matches_code(empty_database: Engine, choice: dict[str, bool]) -> None:
    with Session(empty_database) as session:
        manager = db_manager(session)
        manager.initdb(**choice)
        assert manager.check_migration()
        manager.upgradedb()
        assert manager.check_migration()
    with empty_database.connect() as connection:
        options = {"version_table": DamstraDBManager.version_table_name, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, DamstraDBManager.metadata) == []
    assert insert() == InsertResult.RECEIVED


def test_downgrade_to_base_drops_table_and_upgrade_creates_it_again(empty_database: Engine) -> None:
    with Session(empty_database) as session:
        manager = db_manager(session)
        manager.initdb()
        insert()
        manager.downgrade("base")
        assert not manager.check_migration()
        assert not inspect(empty_database).has_table(inbox_table.name)
        with pytest.raises(InboxUnavailableError, match="Run: airflow db migrate"):
            insert()
        manager.upgradedb()
        assert manager.check_migration()
    assert insert() == InsertResult.RECEIVED


def test_upgrade_makes_stored_events_findable_by_schedule(empty_database: Engine) -> None:
    payloads = {
        SCHEDULE_COMPLETED: {"lesson_schedule_id": 2**63 - 1},
        SCHEDULE_CHANGED: {"lesson_schedule_id": 7},
        "unknown": {"lesson_schedule_id": "a string"},
        UPDATED: {"user_id": 7},
    }
    with Session(empty_database) as session:
        manager = db_manager(session)
        manager.initdb()
        for name, payload in payloads.items():
            insert(name, name=name, payload=payload)
        manager.downgrade("0002")
        manager.upgradedb()
    for name, schedule_id in ((SCHEDULE_COMPLETED, 2**63 - 1), (SCHEDULE_CHANGED, 7)):
        (row,) = inbox.find_by_schedule(schedule_id, conn_id=CONN_ID, name=name)
        assert row["payload"] == payloads[name]
    found = {row["name"]: row["lesson_schedule_id"] for row in inbox.list_events()}
    assert (found["unknown"], found[UPDATED]) == (None, None)


def test_missing_column_error_names_column_and_migration_command(empty_database: Engine) -> None:
    metadata.create_all(empty_database)
    with empty_database.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {inbox_table.name} DROP COLUMN mismatches")
    with pytest.raises(InboxUnavailableError, match=r"no column mismatches in .* Run: airflow"):
        insert()


def test_unreachable_database_error_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql+psycopg2://nobody:secret-word@{HOST}:1/nothing"
    monkeypatch.setattr(settings, "engine", create_engine(url))
    with pytest.raises(InboxUnavailableError, match="metadata database failed") as caught:
        insert()
    assert "secret-word" not in str(caught.value)


def test_concurrent_deliveries_are_stored_once(airflow_database: Engine) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        results = list(threads.map(lambda _: insert(), range(THREADS)))
    assert sorted(results) == ["duplicate"] * (THREADS - 1) + ["received"]
    assert [insert(conn_id="other"), insert("e")] == ["received", "received"]


def test_insert_gives_up_after_repeated_constraint_violations(airflow_database: Engine) -> None:
    null: Any = None
    with pytest.raises(InboxUnavailableError, match="rejects the event, although"):
        insert(name=null)


def test_concurrent_claims_return_each_event_once(airflow_database: Engine) -> None:
    for number in range(20):
        insert(str(number))
    with ThreadPoolExecutor(THREADS) as threads:
        claims = list(threads.map(lambda _: inbox.claim(limit=10, lease=LEASE), range(THREADS)))
    ids = [row["id"] for rows in claims for row in rows]
    ids += [row["id"] for row in inbox.claim(limit=20, lease=LEASE)]
    assert sorted(ids) == sorted({row["id"] for row in inbox.list_events()})


def test_outcome_after_expired_lease_has_no_effect(airflow_database: Engine) -> None:
    create_dag("one", UPDATED)
    insert()
    (late,) = inbox.claim(limit=1, lease=timedelta(0))
    (row,) = inbox.claim(limit=1, lease=LEASE)
    outcomes.refuse(late, "too late")
    inbox.release(late, until=datetime.now(UTC), reason="too late")
    outcomes.confirm(late, confirmed_fields=FIELDS)
    assert (inbox.list_events()[0]["state"], list_asset_events()) == (EventState.WAITING, [])
    outcomes.confirm(row, confirmed_fields=FIELDS)
    outcomes.confirm(row, confirmed_fields=FIELDS)
    assert inbox.list_events()[0]["state"] == EventState.CONFIRMED
    assert len(list_asset_events()) == 1


def test_concurrent_confirmations_register_asset_events_once(airflow_database: Engine) -> None:
    create_dag("one", UPDATED)
    create_dag("all", "all")
    for number in range(1, 11):
        insert(str(number), payload={"user_id": number})
    rows = inbox.claim(limit=10, lease=LEASE) * 4
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(partial(outcomes.confirm, confirmed_fields=FIELDS), rows))
    events = list_asset_events()
    assert len(events) == 20
    users = sorted(str(event.extra["payload"]["user_id"]) for event in events)
    assert users == sorted([str(number) for number in range(1, 11)] * 2)
    assert BEFORE_3_2 or users == sorted(map(str, map(partition_key_of, events)))
    times = [event.timestamp for event in events]
    assert times == sorted(times)
    assert list_queued_dags() == ["all", "one"]


@needs_partitions
def test_failure_in_airflow_leaves_event_waiting(
    airflow_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_dag("one", UPDATED)
    insert()
    (row,) = inbox.claim(limit=1, lease=LEASE)

    def fail(*_: object) -> None:
        raise RuntimeError("Airflow fails")

    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_damstra.webhooks.asset_events.queue_dags_without_partitions", fail)
        with pytest.raises(RuntimeError, match="Airflow fails"):
            outcomes.confirm(row, confirmed_fields=FIELDS)
    assert (inbox.list_events()[0]["state"], list_asset_events()) == (EventState.WAITING, [])
    outcomes.confirm(row, confirmed_fields=FIELDS)
    assert len(list_asset_events()) == 1


def test_purge_deletes_expired_events_in_batches(
    airflow_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PURGE_BATCH_SIZE", 2)
    now, day = datetime.now(UTC), timedelta(days=1)
    for number in range(3):
        insert(str(number), occurred_at=now - 10 * day)
    insert("tomorrow", occurred_at=now + day)
    insert("in the far future", occurred_at=datetime.max.replace(tzinfo=UTC))
    for row in inbox.claim(limit=5, lease=LEASE):
        outcomes.refuse(row, "because")
    insert("waiting", occurred_at=now - 10 * day)
    assert inbox.purge_expired(retention=day) == 0
    set_received_at(now - 1.5 * day)
    assert [inbox.purge_expired(retention=day) for _ in range(3)] == [2, 1, 0]
    assert {row["dedup_key"] for row in inbox.list_events()} == {"tomorrow", "in the far future", "waiting"}
    set_received_at(now - 2.5 * day)
    assert [inbox.purge_expired(retention=day) for _ in range(2)] == [2, 0]
    assert {row["dedup_key"] for row in inbox.list_events()} == {"waiting"}


def set_received_at(at: datetime) -> None:
    """Set the receipt time of all events."""
    with transaction() as connection:
        connection.execute(inbox_table.update().values(received_at=at))


@needs_partitions
def test_each_event_is_queued_for_dag_without_partitions(airflow_database: Engine) -> None:
    create_dag("one", UPDATED)
    create_dag("paused", UPDATED, is_paused=True)
    for number in range(3):
        insert(str(number))
        outcomes.confirm(inbox.claim(limit=1, lease=LEASE)[0], confirmed_fields=FIELDS)
    assert list_queued_dags() == ["one"]
    assert list_queued_events("one") == [event.id for event in list_asset_events()]


@needs_psycopg3
@pytest.mark.usefixtures("psycopg3_database")
def test_find_by_schedule_ignores_values_of_other_types() -> None:
    for number, schedule_id in enumerate(("a string", 2**62, None, 30001)):
        insert(str(number), payload={"lesson_schedule_id": schedule_id})
    (row,) = inbox.find_by_schedule(30001, conn_id=CONN_ID, name=UPDATED)
    assert row["payload"] == {"lesson_schedule_id": 30001}


@needs_psycopg3
@pytest.mark.usefixtures("psycopg3_database")
@pytest.mark.parametrize("name", ["x" * (MAX_NAME_LENGTH + 1), "a\0b"])
def test_value_that_no_row_can_hold_is_unstorable_and_not_an_outage(name: str) -> None:
    with pytest.raises(UnstorableEventError, match="rejects it"):
        insert(name=name)
    insert()


@needs_psycopg3
@pytest.mark.usefixtures("psycopg3_database")
def test_reason_is_escaped_and_truncated() -> None:
    insert()
    (row,) = inbox.claim(limit=1, lease=timedelta(0))
    inbox.release(row, until=datetime.now(UTC), reason="it said a\0b\ud800" + 50_000 * "x")
    (row,) = inbox.list_events()
    assert row["reason"].startswith("it said a\\0b\\ud800xx")
    with transaction() as connection:
        inbox.mark_processed(row, EventState.REFUSED, reason="\0", connection=connection)
    assert inbox.list_events()[0]["reason"] == "\\0"
