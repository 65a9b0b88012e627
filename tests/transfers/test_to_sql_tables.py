"""Loading into existing tables and databases that reject statements: one clear line, no request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.exports.sql import load
from airflow_provider_damstra.transfers.sql_engine import SqlError
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import fail_fast_message, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database

GROUPS = "name TEXT, parent_id BIGINT, description TEXT, member_count BIGINT, client_id BIGINT"


def step(**arguments: Any) -> DamstraToSqlOperator:
    given = {"resource": "groups", "sql_conn_id": "warehouse", "table": "groups", **arguments}
    return DamstraToSqlOperator(task_id="to_sql", **given)


def set_warehouse_connection(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(fields))


def test_missing_column_is_reported_or_added(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    warehouse.execute(f"CREATE TABLE groups (id BIGINT PRIMARY KEY, {GROUPS})")
    assert fail_fast_message(step()) == (
        "the table groups has no column created_date, other_members; "
        "add_missing_columns=True adds what is missing"
    )
    assert damstra_emulator.journal() == []
    result = run(step(add_missing_columns=True)).value
    assert result["inserted"] == result["rows"]
    [[dates]] = warehouse.execute("SELECT count(created_date) FROM groups")
    assert dates == result["rows"]


def test_column_is_added_to_table_with_special_characters_in_name(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    warehouse.execute('CREATE TABLE "Kim\'s ""100%"":group" (id BIGINT PRIMARY KEY)')
    result = run(step(table='Kim\'s "100%":group', add_missing_columns=True)).value
    [[count]] = warehouse.execute('SELECT count(created_date) FROM "Kim\'s ""100%"":group"')
    assert count == result["inserted"]


def test_extra_columns_are_left_unchanged(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    run(step())
    warehouse.execute("ALTER TABLE groups ADD COLUMN site TEXT DEFAULT 'unknown' NOT NULL")
    warehouse.execute("UPDATE groups SET site = 'Pilbara', description = 'changed here'")
    result = run(step(write_mode="replace")).value
    assert result["updated"] == result["rows"]
    assert warehouse.execute("SELECT DISTINCT site FROM groups") == [("Pilbara",)]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (
            "id BIGINT",
            "the table groups has no primary key or unique index on (id), which identifies its rows: add one",
        ),
        (
            "id BIGINT PRIMARY KEY, site TEXT NOT NULL",
            "the column site of the table groups must not be empty, and nothing fills it: give it a default",
        ),
        ("name TEXT PRIMARY KEY", "the table groups has no column id"),
    ],
    ids=str,
)
def test_unsuitable_table_is_rejected_before_first_request(
    columns: str, why: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    others = GROUPS if columns.startswith("id") else GROUPS.replace("name TEXT, ", "")
    warehouse.execute(f"CREATE TABLE groups ({columns}, {others}, created_date TEXT, other_members TEXT)")
    assert fail_fast_message(step()) == why
    assert damstra_emulator.journal() == []


def test_unique_index_is_accepted_as_key(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    run(step(table="first"))
    warehouse.execute("CREATE TABLE groups AS SELECT * FROM first")
    warehouse.execute("CREATE UNIQUE INDEX groups_id ON groups (id)")
    result = run(step()).value
    assert (result["inserted"], result["updated"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"schema": "hr"}, "there is no schema 'hr' in this database"),
        ({"table": "hr.groups"}, "table is 'hr.groups'; did you mean schema='hr', table='groups'?"),
        ({"table": " "}, "table is ' '; it must be a name"),
        ({"schema": ""}, "schema is ''; it must be a name"),
        ({"sql_conn_id": "damstra_default"}, "is a connection of type 'damstra', which is no SQL database"),
        ({"parent_ids": [1]}, "groups is one listing: it takes no parent_ids"),
    ],
    ids=str,
)
def test_invalid_target_is_rejected_before_first_request(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    assert why in fail_fast_message(step(**arguments))
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"write_mode": "append"}, "write_mode is 'append'; it can be upsert or replace"),
        ({"batch_size": 0}, "batch_size is 0; it is a number of at least 1"),
    ],
    ids=str,
)
def test_invalid_argument_is_rejected_at_parse_time(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        step(**arguments)


def test_unknown_connection_type_is_rejected(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_warehouse_connection(monkeypatch, conn_type="oracle", host="127.0.0.1")
    message = fail_fast_message(step())
    assert message.startswith(
        "sql_conn_id 'warehouse' is a connection of type 'oracle', whose provider is not installed"
    )
    assert "install it on the workers, such as apache-airflow-providers-" in message


@pytest.mark.parametrize(
    ("rights", "mode", "why"),
    [
        ("USAGE ON SCHEMA public", "upsert", "permission denied for schema staff"),
        ("USAGE ON SCHEMA staff", "upsert", "permission denied for table groups"),
        (
            "USAGE ON SCHEMA staff; SELECT, INSERT, UPDATE ON staff.groups",
            "replace",
            "denied for table groups",
        ),
        ("USAGE ON SCHEMA staff; SELECT, INSERT, UPDATE ON staff.groups", "upsert", None),
    ],
)
def test_missing_privilege_is_reported_before_first_request(
    rights: str,
    mode: str,
    why: str | None,
    damstra_emulator: DamstraEmulator,
    on_postgresql: Database,
    reader: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_postgresql.execute("CREATE SCHEMA staff")
    rows = run(step(schema="staff")).value["rows"]
    for right in rights.split("; "):
        on_postgresql.execute(f"GRANT {right} TO {reader['login']}")
    set_warehouse_connection(monkeypatch, **reader)
    damstra_emulator.clear_journal()
    task = step(schema="staff", write_mode=mode)
    if why is None:
        assert run(task).value["rows"] == rows
        return
    message = fail_fast_message(task)
    assert message.startswith("the table staff.groups of warehouse cannot be written: ")
    assert message.endswith(why)
    assert damstra_emulator.journal() == []


@pytest.fixture
def reader(on_postgresql: Database) -> Iterator[dict[str, Any]]:
    """Return a connection of a role without privileges."""
    fields = {**on_postgresql.connection_fields(), "login": "reader", "password": "reader's"}
    on_postgresql.execute("CREATE ROLE reader LOGIN PASSWORD 'reader''s'")
    yield fields
    on_postgresql.execute("DROP OWNED BY reader")
    on_postgresql.execute("DROP ROLE reader")


def test_missing_create_privilege_is_reported(
    damstra_emulator: DamstraEmulator, reader: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_warehouse_connection(monkeypatch, **reader)
    assert fail_fast_message(step()) == (
        "the table groups of warehouse cannot be written: permission denied for schema public"
    )
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"port": 1}, "Connection refused"),
        ({"password": "wrong"}, 'password authentication failed for user "damstra"'),
        ({"schema": "nowhere"}, 'database "nowhere" does not exist'),
    ],
    ids=str,
)
def test_unreachable_database_raises_retryable_error(
    change: dict[str, Any],
    why: str,
    damstra_emulator: DamstraEmulator,
    on_postgresql: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = {**on_postgresql.connection_fields(), **change}
    set_warehouse_connection(monkeypatch, **fields)
    with pytest.raises(SqlError, match=why) as caught:
        run(step())
    assert "\n" not in str(caught.value)
    assert fields["password"] not in str(caught.value)
    assert damstra_emulator.journal() == []


def test_column_of_wrong_type_is_reported(damstra_emulator: DamstraEmulator, on_postgresql: Database) -> None:
    run(step())
    on_postgresql.execute("ALTER TABLE groups ALTER COLUMN other_members TYPE integer USING 1")
    damstra_emulator.clear_journal()
    assert fail_fast_message(step()) == (
        "the table groups of warehouse cannot be written: "
        'column "other_members" is of type integer but expression is of type jsonb'
    )
    assert damstra_emulator.journal() == []


def test_timestamps_are_utc_in_columns_without_time_zone(
    damstra_emulator: DamstraEmulator, on_postgresql: Database
) -> None:
    run(step())
    created_dates = "SELECT created_date FROM groups ORDER BY id"
    before = [row[0].replace(tzinfo=None) for row in on_postgresql.execute(created_dates)]
    on_postgresql.execute("ALTER TABLE groups ALTER COLUMN created_date TYPE timestamp")
    on_postgresql.execute("DELETE FROM groups")
    on_postgresql.execute("ALTER ROLE damstra SET timezone = 'Australia/Perth'")
    run(step())
    on_postgresql.execute("ALTER ROLE damstra RESET timezone")
    assert [row[0] for row in on_postgresql.execute(created_dates)] == before


def test_connection_extras_are_applied(
    damstra_emulator: DamstraEmulator, on_postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_postgresql.execute("CREATE SCHEMA staff")
    extra = {"cursor": "dictcursor", "options": "-c search_path=staff", "application_name": "nightly"}
    set_warehouse_connection(monkeypatch, **on_postgresql.connection_fields(), extra=extra)
    rows = run(step()).value["rows"]
    assert on_postgresql.execute("SELECT count(*) FROM staff.groups") == [(rows,)]


def test_database_without_upsert_rejects_extra_columns(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(step())
    on_sqlite.execute("ALTER TABLE groups ADD COLUMN site TEXT")
    monkeypatch.delitem(load.INSERT_ON_CONFLICT, "sqlite")
    assert fail_fast_message(step()) == (
        "the column site of the table groups is not one of the export's, and would be emptied: "
        "on this database rows are deleted and inserted"
    )


def test_database_without_upsert_needs_no_key(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_sqlite.execute(f"CREATE TABLE groups (id BIGINT, {GROUPS}, created_date TEXT, other_members TEXT)")
    monkeypatch.delitem(load.INSERT_ON_CONFLICT, "sqlite")
    results = [run(step()).value for _ in range(2)]
    assert on_sqlite.execute("SELECT count(*) FROM groups") == [(results[0]["inserted"],)]
    assert [result["inserted"] for result in results] == [results[0]["rows"], 0]


def test_too_long_name_is_rejected(damstra_emulator: DamstraEmulator, on_postgresql: Database) -> None:
    assert fail_fast_message(step(table="x" * 64)).endswith("is too long: this database allows 63 bytes")
