"""Airflow's metadata database with a number of rows in the inbox and in the training history."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text

from airflow_provider_damstra.assets import ALL_EVENTS, SCHEDULE_COMPLETED, TRAINING_EVENTS, event_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

CONN_ID = "damstra_default"
LESSONS = 5
EXPIRED, WAITING = 0.2, 0.4
"""Shares of the inbox; the rest is confirmed and not expired."""

_INBOX = """
    INSERT INTO damstra_webhook_inbox (
        conn_id, name, dedup_key, payload, lesson_schedule_id,
        source, state, attempts, redeliveries, mismatches,
        waiting_since, next_attempt_at, occurred_at, received_at, processed_at
    )
    SELECT :conn_id, :name, md5(i::text) || md5(i::text),
        json_build_object('name', :name, 'lesson_schedule_id', i, 'user_id', i, 'time_stamp', at), i,
        'webhook', CASE WHEN i > :rows * (1 - :waiting) THEN 'waiting' ELSE 'confirmed' END,
        1, 0, 0, at, at, at, at, at
    FROM (
        SELECT i, now() - CASE WHEN i <= :rows * :expired THEN interval '40 days' ELSE interval '1 day' END
            + interval '1 millisecond' * i AS at
        FROM generate_series(:first, :rows) AS i
    ) AS numbers
"""
_ASSET_EVENTS = """
    INSERT INTO asset_event (asset_id, extra, source_map_index, timestamp)
    SELECT asset.id, '{}', -1, now() - interval '1 day' + interval '1 millisecond' * i
    FROM generate_series(:first, :rows) AS i, (SELECT min(id) AS id FROM asset) AS asset
"""
_HISTORY = """
    INSERT INTO damstra_training_history (conn_id, lesson_id, user_id, changed_at, periods)
    SELECT :conn_id, 200 + lesson, number, timestamptz '2026-01-01', '[]'
    FROM generate_series(1, :lessons) AS lesson, generate_series(0, :rows / :lessons) AS number
    ON CONFLICT DO NOTHING
"""


def create_tables(engine: Engine) -> None:
    """Create Airflow's tables, those of this provider with its migrations, and a DAG on each asset."""
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from sqlalchemy.orm import Session

    from airflow_provider_damstra.webhooks.database import DamstraDBManager

    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        DamstraDBManager(session).initdb()  # type: ignore[no-untyped-call]
    _create_dag(engine)


def _create_dag(engine: Engine) -> None:
    """Create a DAG that is scheduled on the assets of the events."""
    from airflow.models.asset import AssetActive, AssetModel, DagScheduleAssetReference
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from sqlalchemy.orm import Session

    with Session(engine) as session:
        session.add(DagBundleModel(name="dags"))
        session.flush()
        fields = {"bundle_name": "dags", "timetable_summary": "x", "is_stale": False, "is_paused": False}
        session.add(DagModel(dag_id="follow_up", **fields))  # type: ignore[no-untyped-call]
        for name in (SCHEDULE_COMPLETED, ALL_EVENTS, *TRAINING_EVENTS):
            uri = event_uri(name, conn_id=CONN_ID)
            asset = AssetModel(name=uri, uri=uri)
            session.add(asset)
            session.flush()
            session.add(AssetActive(name=uri, uri=uri))
            session.add(DagScheduleAssetReference(asset_id=asset.id, dag_id="follow_up"))
        session.commit()


def fill(engine: Engine, rows: int, *, first: int = 1) -> None:
    """Insert rows into each table that grows with events, and update the statistics of the planner.

    :param rows: number of the last row.
    :param first: number of the first row; those before it are in the tables.
    """
    parameters = {
        "rows": rows,
        "first": first,
        "conn_id": CONN_ID,
        "name": SCHEDULE_COMPLETED,
        "lessons": LESSONS,
    }
    shares = {"expired": EXPIRED, "waiting": WAITING}
    with engine.begin() as connection:
        for statement in (_INBOX, _ASSET_EVENTS, _HISTORY):
            connection.execute(text(statement), {**parameters, **shares})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


Statement = tuple[str, dict[str, object]]
"""SQL and its parameters."""


@contextmanager
def recorded_statements(engine: Engine) -> Iterator[list[Statement]]:
    """Record the statements of the block, one for each set of parameters."""
    statements: list[Statement] = []

    def record(_: object, __: object, sql: str, parameters: Any, *___: object) -> None:
        sets = parameters if isinstance(parameters, list) else [parameters]
        statements.extend((sql, one) for one in sets)

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)


def blocks_read(engine: Engine, statement: Statement) -> int:
    """Execute a statement again, roll back, and return how many blocks of tables and indexes it touched."""
    sql, parameters = statement
    with engine.connect() as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
        (plan,) = connection.exec_driver_sql(explain, parameters).scalar_one()
        connection.rollback()
    root = plan["Plan"]
    return int(root["Shared Hit Blocks"] + root["Shared Read Blocks"])
