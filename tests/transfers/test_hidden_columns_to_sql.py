"""Loads from which columns are hidden: tables, histories and retries with hashed ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraServerError
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import StateStore, fail_fast_message, run
from tests.transfers.hidden_columns import AROHA, KEY, LIAM, NAMES, hashed, people

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory
    from tests.transfers.databases import Database


@pytest.fixture(autouse=True)
def _hash_key(connect: ConnectionFactory) -> None:
    connect(extra={"hash_key": f" {KEY}\n", "max_retries": 0})


def load(resource: str = "users", **arguments: Any) -> DamstraToSqlOperator:
    given = {"resource": resource, "sql_conn_id": "warehouse", "table": resource, **arguments}
    return DamstraToSqlOperator(task_id="to_sql", **given)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_table_has_hashed_key_and_no_excluded_column(mode: str, api: ApiClient, warehouse: Database) -> None:
    arguments: dict[str, Any] = {
        "exclude_columns": [*NAMES["users"], "other_members"],
        "hash_columns": ["id", "modified_date"],
        "write_mode": mode,
        "history": True,
    }
    first, second = run(load(**arguments)).value, run(load(**arguments)).value
    assert (first["inserted"], second["inserted"], second["updated"]) == (len(people(api)), 0, 0)
    assert first["watermark"] is None
    for table in ("users", "users_history"):
        ids = [row[0] for row in warehouse.execute(f"SELECT id FROM {table}")]  # noqa: S608
        assert sorted(ids) == sorted(hashed(user["id"]) for user in people(api))
        rows = str(warehouse.execute(f"SELECT * FROM {table}"))  # noqa: S608
        assert not [user for user in people(api) if user["lastName"] in rows or user["emailAddress"] in rows]


def test_rows_of_failed_parent_stay_in_table_with_hashed_ids(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    arguments: dict[str, Any] = {
        "resource": "lesson_schedules",
        "hash_columns": ["user_id"],
        "write_mode": "replace",
        "on_failed_parent": "skip",
    }
    rows = run(load(**arguments)).value["rows"]
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    result = run(load(**arguments)).value
    assert (result["deleted"], list(result["failed_parents"])) == (0, [hashed(LIAM)])
    selected = run(load(parent_ids=[AROHA, LIAM], **arguments)).value
    assert selected["deleted"] == 0
    [[count]] = warehouse.execute("SELECT count(*) FROM lesson_schedules")
    assert count == rows > result["rows"]


def test_hidden_ids_are_not_kept_for_a_retry_of_a_load(
    damstra_emulator: DamstraEmulator, on_sqlite: Database
) -> None:
    arguments: dict[str, Any] = {
        "batch_size": 1,
        "max_concurrency": 1,
        "parent_ids": [AROHA, 1011, 1013, LIAM],
    }
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    kept = {}
    for name, hiding in (("visible", []), ("hidden", ["user_id"])):
        store = StateStore()
        with pytest.raises(DamstraServerError):
            run(
                load("lesson_schedules", table=name, hash_columns=hiding, **arguments), task_state_store=store
            )
        kept[name] = str(AROHA) in str(store)
    assert kept == {"visible": True, "hidden": False}


def test_table_whose_key_is_a_number_is_rejected_before_the_first_request(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    run(load())
    damstra_emulator.clear_journal()
    why = fail_fast_message(load(hash_columns=["id"]))
    assert "the column id of the table users is BIGINT, and its values are text" in why
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    ("resource", "excluded"),
    [("users", "id"), ("lesson_schedules", "user_id"), ("group_members", "group_id")],
)
def test_column_that_a_table_needs_is_not_excluded(
    resource: str, excluded: str, damstra_emulator: DamstraEmulator, on_sqlite: Database
) -> None:
    why = fail_fast_message(load(resource, exclude_columns=[excluded]))
    assert f"exclude_columns: {excluded} identifies rows, which a table needs: hash it instead" in why
    assert damstra_emulator.journal() == []
