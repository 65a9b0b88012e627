"""The inbox in the database: made by migrations, safe beside other processes, purged."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.asset import AssetDagRunQueue, AssetEvent, AssetModel, DagScheduleAssetReference
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, delete, inspect
from sqlalchemy.orm import Session

from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.db import manager as database
from airflow_provider_damstra.webhooks.db.manager import DamstraDBManager
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError, transaction
from airflow_provider_damstra.webhooks.inbox import EventState, InsertResult
from tests.airflow_compat import BEFORE_3_2
from tests.postgresql import HOST, USER
from tests.webhooks.metadata_db import (
    create_dag,
    list_asset_events,
    list_queued_dags,
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
KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def empty(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """Make an empty database Airflow's, one of each kind."""
    name = None if request.param == "sqlite" else request.getfixturevalue("database")
    url = _url(request, tmp_path, name)
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", url)
    yield from _made_airflows(create_engine(url), monkeypatch)


@pytest.fixture(scope="module", params=KINDS)
def _filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Make a database with Airflow's tables and the inbox, for all tests of a kind."""
    import_all_models()  # type: ignore[no-untyped-call]
    with contextlib.ExitStack() as stack:
        name = None
        if request.param == "postgresql":
            name = stack.enter_context(request.getfixturevalue("postgresql").new_database())
        engine = create_engine(_url(request, tmp_path_factory.mktemp("database"), name))
        stack.callback(engine.dispose)
        Base.metadata.create_all(engine)
        database.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(DagBundleModel(name="dags"))
            session.commit()
        yield engine


@pytest.fixture
def full(_filled: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Return a database with Airflow's tables and the inbox, without events, assets and DAGs."""
    with _filled.begin() as connection:
        connection.execute(database.inbox_table.delete())
        for model in (AssetDagRunQueue, AssetEvent, DagScheduleAssetReference, AssetModel, DagModel):
            connection.execute(delete(model))
    yield from _made_airflows(_filled, monkeypatch)


def _url(request: pytest.FixtureRequest, folder: Path, name: str | None) -> str:
    if name is None:
        return f"sqlite:///{folder / 'airflow.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return f"postgresql+psycopg2://{USER}:{server.password}@{HOST}:{server.port}/{name}"


def _made_airflows(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(settings, "engine", engine)
    yield engine
    engine.dispose()


def keep(dedup_key: str = "d", **more: Any) -> InsertResult:
    arguments = {"conn_id": CONN_ID, "name": "user.settings.updated", "payload": {"user_id": 7}}
    return inbox.insert(**{**arguments, "dedup_key": dedup_key, "source": "webhook", **more})


@pytest.mark.parametrize(
    "choice",
    [
        {},
        pytest.param({"use_migration_files": True}, marks=pytest.mark.needs_airflow("3.2")),
    ],
)
def test_migrations_make_the_table_that_the_code_expects(empty: Engine, choice: dict[str, bool]) -> None:
    with Session(empty) as session:
        manager: Any = DamstraDBManager(session)  # type: ignore[no-untyped-call]
        manager.initdb(**choice)
        assert manager.check_migration()
        manager.upgradedb()
        assert manager.check_migration()
    with empty.connect() as connection:
        options = {"version_table": DamstraDBManager.version_table_name, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, DamstraDBManager.metadata) == []
    assert keep() == InsertResult.RECEIVED


def test_downgrade_to_base_drops_table_and_upgrade_creates_it_again(empty: Engine) -> None:
    with Session(empty) as session:
        manager: Any = DamstraDBManager(session)  # type: ignore[no-untyped-call]
        manager.initdb()
        keep()
        manager.downgrade("base")
        assert not manager.check_migration()
        assert not inspect(empty).has_table(database.inbox_table.name)
        with pytest.raises(InboxUnavailableError, match="Run: airflow db migrate"):
            keep()
        manager.upgradedb()
        assert manager.check_migration()
    assert keep() == InsertResult.RECEIVED


def test_missing_column_error_names_column_and_migration_command(full: Engine) -> None:
    table = database.inbox_table.name
    with full.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN mismatches")
    try:
        with pytest.raises(InboxUnavailableError, match=r"no column mismatches in .* Run: airflow"):
            keep()
    finally:
        with full.begin() as connection:
            connection.exec_driver_sql(
                f"ALTER TABLE {table} ADD COLUMN mismatches INTEGER NOT NULL DEFAULT 0"
            )


def test_a_database_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql+psycopg2://nobody:secret-word@{HOST}:1/nothing"
    monkeypatch.setattr(settings, "engine", create_engine(url))
    with pytest.raises(InboxUnavailableError, match="metadata database failed") as caught:
        keep()
    assert "secret-word" not in str(caught.value)


def test_many_deliveries_at_once_are_one_event(full: Engine) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        kept = list(threads.map(lambda _: keep(), range(THREADS)))
    assert sorted(kept) == ["duplicate"] * (THREADS - 1) + ["received"]
    assert [keep(conn_id="other"), keep("e")] == ["received", "received"]


def test_what_the_database_refuses_is_not_tried_for_ever(full: Engine) -> None:
    refused: Any = None
    with pytest.raises(InboxUnavailableError, match="neither takes the event nor has it"):
        keep(name=refused)


def test_an_event_is_in_the_hands_of_one(full: Engine) -> None:
    for number in range(20):
        keep(str(number))
    with ThreadPoolExecutor(THREADS) as threads:
        claims = list(threads.map(lambda _: inbox.claim(limit=10, lease=LEASE), range(THREADS)))
    ids = [row["id"] for rows in claims for row in rows]
    ids += [row["id"] for row in inbox.claim(limit=20, lease=LEASE)]
    assert sorted(ids) == sorted({row["id"] for row in inbox.list_events()})


def test_who_comes_too_late_decides_nothing(full: Engine) -> None:
    create_dag("one", "user.settings.updated")
    keep()
    (late,) = inbox.claim(limit=1, lease=timedelta(0))
    (row,) = inbox.claim(limit=1, lease=LEASE)
    outcomes.refuse(late, "too late")
    inbox.release(late, until=datetime.now(UTC), reason="too late")
    outcomes.confirm(late, is_verified=True)
    assert (inbox.list_events()[0]["state"], list(list_asset_events())) == (EventState.WAITING, [])
    outcomes.confirm(row, is_verified=True)
    outcomes.confirm(row, is_verified=True)
    assert inbox.list_events()[0]["state"] == EventState.CONFIRMED
    assert len(list_asset_events()) == 1


def test_an_event_is_settled_once_however_many_try(full: Engine) -> None:
    create_dag("one", "user.settings.updated")
    create_dag("all", "all")
    for number in range(10):
        keep(str(number), payload={"user_id": number})
    rows = inbox.claim(limit=10, lease=LEASE) * 4
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(partial(outcomes.confirm, is_verified=True), rows))
    events = list_asset_events()
    assert len(events) == 20
    users = sorted(str(event.extra["payload"]["user_id"]) for event in events)
    assert users == sorted("0123456789" * 2)
    assert BEFORE_3_2 or users == sorted(map(str, map(partition_key_of, events)))
    times = [event.timestamp for event in events]
    assert times == sorted(times)
    assert list_queued_dags() == ["all", "one"]


@pytest.mark.needs_airflow("3.2")  # which has partitions: before it Airflow itself queues the DAGs
def test_what_fails_in_airflow_leaves_the_event_as_it_was(
    full: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_dag("one", "user.settings.updated")
    keep()
    (row,) = inbox.claim(limit=1, lease=LEASE)

    def fail(*_: object) -> None:
        raise RuntimeError("Airflow fails")

    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_damstra.webhooks.asset_events._upsert_queue_entry", fail)
        with pytest.raises(RuntimeError, match="Airflow fails"):
            outcomes.confirm(row, is_verified=True)
    assert (inbox.list_events()[0]["state"], list(list_asset_events())) == (EventState.WAITING, [])
    outcomes.confirm(row, is_verified=True)
    assert len(list_asset_events()) == 1


def test_old_events_are_purged_in_portions(full: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PURGE_BATCH_SIZE", 2)
    now, day = datetime.now(UTC), timedelta(days=1)
    for number in range(3):
        keep(str(number), occurred_at=now - 10 * day)
    keep("of tomorrow", occurred_at=now + day)
    keep("of no time", occurred_at=datetime.max.replace(tzinfo=UTC))
    for row in inbox.claim(limit=5, lease=LEASE):
        outcomes.refuse(row, "because")
    keep("waiting", occurred_at=now - 10 * day)
    assert inbox.purge_expired(retention=day) == 0
    _received(now - 1.5 * day)
    assert [inbox.purge_expired(retention=day) for _ in range(3)] == [2, 1, 0]
    assert {row["dedup_key"] for row in inbox.list_events()} == {"of tomorrow", "of no time", "waiting"}
    _received(now - 2.5 * day)
    assert [inbox.purge_expired(retention=day) for _ in range(2)] == [2, 0]
    assert {row["dedup_key"] for row in inbox.list_events()} == {"waiting"}


def _received(at: datetime) -> None:
    """Let all events have been received at a time."""
    with transaction() as connection:
        connection.execute(database.inbox_table.update().values(received_at=at))


@pytest.mark.needs_airflow("3.2")  # which has partitions: before it Airflow itself queues the DAGs
def test_a_queue_place_moves_with_the_newest_event(full: Engine) -> None:
    create_dag("one", "user.settings.updated")
    for number in range(2):
        keep(str(number))
        outcomes.confirm(inbox.claim(limit=1, lease=LEASE)[0], is_verified=True)
    with full.connect() as connection:
        places = connection.exec_driver_sql("SELECT created_at FROM asset_dag_run_queue").fetchall()
        last = connection.exec_driver_sql("SELECT max(timestamp) FROM asset_event").scalar()
    assert len(places) == 1
    assert places[0][0] > last
