"""Upserts into a large table on PostgreSQL look rows up: no batch reads the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text

from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.sql.load import replace_all, upsert_batches
from airflow_provider_damstra.exports.sql.prepare import prepare_table
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from airflow_provider_damstra.transfers.sql_engine import create_sql_engine
from benchmarks.exports.scenario import USER

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.transfers.databases import Database

LARGE = 20_000
BATCH = 1_000
TARGET = ResourceTable(RESOURCES["users"], "users", has_history=True)


def users(numbers: range, name: str) -> list[Any]:
    return [(USER % {"id": number}).replace("John", name).encode() for number in numbers]


def test_batch_reads_no_table_sequentially(on_postgresql: Database) -> None:
    engine = create_sql_engine("warehouse")
    prepare_table(engine, TARGET, add_columns=False, deletes=True)
    replace_all(engine, TARGET, [users(range(LARGE), "John")], batch_size=LARGE)
    on_postgresql.execute("ANALYZE")
    read: dict[str, int] = {}

    @event.listens_for(engine, "commit")
    def count(connection: Connection) -> None:
        query = text("SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE relname LIKE 'users%'")
        read.update({row.relname: row.seq_tup_read for row in connection.execute(query)})

    for first, name in ((0, "John"), (LARGE // 2, "Jane"), (LARGE, "John")):
        assert upsert_batches(engine, TARGET, [users(range(first, first + BATCH), name)])["rows"] == BATCH
        assert read == {"users": 0, "users_history": 0}, f"{name} from {first}"
