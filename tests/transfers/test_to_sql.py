"""Loading to SQL: table contents, upsert and replace, retries, rejected rows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_damstra.endpoints import (
    CreateGroup,
    CreateUser,
    InactivateUser,
    RemoveGroupMembers,
    UpdateGroup,
)
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.sql import load
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import StateStore, error_message, run

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory
    from tests.transfers.databases import Database

LIAM, CREW = 1012, 102
MODES = ["upsert", "replace"]


def step(resource: str = "users", **arguments: Any) -> DamstraToSqlOperator:
    given = {"resource": resource, "sql_conn_id": "warehouse", "table": resource, **arguments}
    return DamstraToSqlOperator(task_id="to_sql", **given)


def listed(api: ApiClient, path: str, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get_json(path, startIndex=0, maxResults=100, **query)["results"]
    return rows


def ids(warehouse: Database, table: str = "users") -> list[int]:
    return [row[0] for row in warehouse.execute(f"SELECT id FROM {table} ORDER BY id")]  # noqa: S608


@pytest.mark.parametrize("resource", RESOURCES)
def test_loads_each_row_of_every_resource_once(
    resource: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    first = run(step(resource, batch_size=20)).value
    second = run(step(resource, write_mode="replace")).value
    [[count]] = warehouse.execute(f"SELECT count(*) FROM {resource}")  # noqa: S608
    has_dates = "modified_date" in RESOURCES[resource].model.model_fields
    watermarks = [one.pop("watermark") for one in (first, second)]
    assert watermarks[0] == watermarks[1]
    assert (watermarks[0] is not None) == has_dates
    facts = {"table": resource, "rows": count, "updated": 0, "failed_parents": {}, "failed_parent_count": 0}
    assert first == {**facts, "inserted": count}
    assert second == {**facts, "inserted": 0, "deleted": 0}
    assert count > 0


@pytest.mark.parametrize("mode", MODES)
def test_watermark_is_latest_modified_date(
    mode: str, damstra_emulator: DamstraEmulator, api: ApiClient, warehouse: Database
) -> None:
    latest = max(
        datetime.fromisoformat(user["modifiedDate"]) for user in listed(api, "/user", activeValue="all")
    )
    result = run(step(write_mode=mode, batch_size=5, page_size=5)).value
    assert result["watermark"] == latest.isoformat()
    damstra_emulator.advance_clock(60)
    DamstraHook().call(CreateUser(first_name="N", last_name="New", email_address="n@example.com"))
    again = run(step(write_mode=mode, batch_size=5, page_size=5)).value
    assert datetime.fromisoformat(again["watermark"]) > latest


def test_columns_have_types_of_model_fields(
    damstra_emulator: DamstraEmulator, on_postgresql: Database
) -> None:
    run(step("group_members", table="Members", schema="public"))
    columns = on_postgresql.execute(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_name = 'Members'"
    )
    types = {name: (kind, nullable) for name, kind, nullable in columns}
    assert types["group_id"] == types["id"] == ("bigint", "NO")
    assert types["first_name"] == ("text", "YES")
    assert types["created_date"] == ("timestamp with time zone", "YES")
    assert types["roles"] == types["other_members"] == ("jsonb", "YES")
    run(step("ilt_sessions"))
    [[rate, led]] = on_postgresql.execute(
        "SELECT pg_typeof(pass_rate)::text, pg_typeof(instructor_led)::text FROM ilt_sessions LIMIT 1"
    )
    assert (rate, led) == ("double precision", "boolean")


def test_loaded_values_equal_api_values(
    damstra_emulator: DamstraEmulator, api: ApiClient, warehouse: Database
) -> None:
    run(step())
    rows = warehouse.execute(
        "SELECT id, first_name, phone_number, roles, created_date FROM users ORDER BY id"
    )
    if warehouse.kind == "sqlite":
        rows = [(*row[:3], json.loads(row[3]), datetime.fromisoformat(row[4])) for row in rows]
    assert rows == [
        (
            user["id"],
            user["firstName"],
            user.get("phoneNumber"),
            user["roles"],
            datetime.fromisoformat(user["createdDate"]),
        )
        for user in listed(api, "/user", activeValue="all")
    ]


@pytest.mark.parametrize("has_upserts", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_second_load_updates_changed_and_inserts_new_rows(
    mode: str,
    has_upserts: bool,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    warehouse: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_upserts:
        monkeypatch.delitem(load.INSERT_ON_CONFLICT, warehouse.kind)
    groups = step("groups", write_mode=mode)
    before = run(groups).value["rows"]
    hook = DamstraHook()
    hook.call(UpdateGroup(group_id=CREW, name="Pit Crew A", description="Nights"))
    new = hook.call(CreateGroup(name="Pit Crew Z", description="Days"))
    after = run(groups).value
    assert (after["rows"], after["inserted"]) == (before + 1, 1)
    assert after["updated"] == (1 if has_upserts else before)
    rows: dict[int, str] = dict(warehouse.execute("SELECT id, description FROM groups"))
    assert rows == {group["id"]: group.get("description") for group in listed(api, "/group")}
    assert (rows[CREW], rows[new.id]) == ("Nights", "Days")


def test_only_replace_deletes_missing_rows(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    crew = step("group_members", parent_ids=[CREW])
    run(crew)
    first, *others = ids(warehouse, "group_members")
    DamstraHook().call(RemoveGroupMembers(group_id=CREW, user_ids=[first]))
    assert run(crew).value["rows"] == len(others)
    assert ids(warehouse, "group_members") == [first, *others]
    replaced = run(step("group_members", parent_ids=[CREW], write_mode="replace")).value
    assert (replaced["rows"], replaced["deleted"]) == (len(others), 1)
    assert ids(warehouse, "group_members") == others


def test_replace_keeps_inactivated_user(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    run(step(write_mode="replace"))
    DamstraHook().call(InactivateUser(user_id=LIAM))
    result = run(step(write_mode="replace")).value
    assert (result["updated"], result["deleted"]) == (1, 0)
    statuses: dict[int, int] = dict(warehouse.execute("SELECT id, client_status_id FROM users"))
    assert statuses[LIAM] == 57


def test_replace_keeps_rows_of_skipped_parents(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, warehouse: Database
) -> None:
    schedules = step(
        "lesson_schedules", parent_ids=[LIAM, 1014], write_mode="replace", on_failed_parent="skip"
    )
    run(schedules)
    before = ids(warehouse, "lesson_schedules")
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    result = run(schedules).value
    assert (list(result["failed_parents"]), result["deleted"]) == ([str(LIAM)], 0)
    assert ids(warehouse, "lesson_schedules") == before


def test_failed_replace_changes_nothing(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, warehouse: Database
) -> None:
    run(step("lesson_schedules", parent_ids=[1014]))
    before = ids(warehouse, "lesson_schedules")
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault(kind="status", status=503, path=f"/user/{LIAM}/lesson_schedule")
    replacing = step("lesson_schedules", parent_ids=[1015, LIAM], write_mode="replace", batch_size=1)
    error_message(replacing, DamstraServerError)
    assert ids(warehouse, "lesson_schedules") == before


def test_retry_skips_parents_already_written(damstra_emulator: DamstraEmulator, on_sqlite: Database) -> None:
    store, schedules = StateStore(), {"batch_size": 1, "max_concurrency": 1}

    def requested_users() -> set[int]:
        """Return the ids of the users whom the next attempt requests."""
        damstra_emulator.clear_journal()
        run(step("lesson_schedules", **schedules), task_state_store=store)
        paths = [entry["path"] for entry in damstra_emulator.journal("GET", "/user/*/lesson_schedule")]
        return {int(path.split("/")[2]) for path in paths}

    damstra_emulator.add_fault("status", path="/user/1030/lesson_schedule", status=400)
    with pytest.raises(AirflowFailException, match="1030"):
        requested_users()
    written = {row[0] for row in on_sqlite.execute("SELECT DISTINCT user_id FROM lesson_schedules")}
    damstra_emulator.clear_faults()
    assert len(written & requested_users()) <= 1 < len(written)
    # Clearing a successful task reads all parents again.
    assert {1030, *written} < requested_users()


def test_retry_into_new_table_reads_all_parents(
    damstra_emulator: DamstraEmulator, on_sqlite: Database
) -> None:
    store = StateStore()
    schedules = step("lesson_schedules", batch_size=1, max_concurrency=1)
    damstra_emulator.add_fault("status", path="/user/1030/lesson_schedule", status=400)
    with pytest.raises(AirflowFailException, match="1030"):
        run(schedules, task_state_store=store)
    damstra_emulator.clear_faults()
    on_sqlite.execute("DROP TABLE lesson_schedules")
    result = run(schedules, task_state_store=store).value
    assert result["inserted"] == run(schedules).value["rows"]


def test_unknown_fields_are_stored_in_other_members(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    body = {"results": [{"id": 7, "shoeSize": {"eu": 44}}], "meta": {"totalResultCount": 1}}
    damstra_emulator.add_fault(kind="status", status=200, body=body, path="/user")
    run(step())
    [[others]] = warehouse.execute("SELECT other_members FROM users")
    assert (json.loads(others) if warehouse.kind == "sqlite" else others) == {"shoeSize": {"eu": 44}}


def test_field_of_wrong_type_fails_its_batch(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    body = {"results": [{"id": 7}, {"id": "seven"}], "meta": {"totalResultCount": 2}}
    damstra_emulator.add_fault(kind="status", status=200, body=body, path="/user")
    assert "a row of users cannot be put into columns (id: " in error_message(step(), DamstraResponseError)
    assert ids(warehouse) == []


def test_table_name_is_templated_and_quoted(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    result = run(step("lessons", table='{{ who }}\'s "order"'), who="Kim").value
    assert result["table"] == 'Kim\'s "order"'
    [[count]] = warehouse.execute('SELECT count(*) FROM "Kim\'s ""order"""')
    assert count == result["rows"]
