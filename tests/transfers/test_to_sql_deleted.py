"""Loading to SQL when rows are gone: deleted or marked, and never those that were not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from airflow_provider_damstra.endpoints import AddGroupMembers, InactivateGroup, RemoveGroupMembers
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.sql import load
from airflow_provider_damstra.exports.sql.load import replace_all
from airflow_provider_damstra.exports.sql.prepare import prepare_table
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.transfers.sql_engine import create_sql_engine
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import fail_fast_message, run

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory
    from tests.transfers.databases import Database

CREW, OTHER_CREW = 102, 103
DELETE_MODES = pytest.mark.parametrize("delete_mode", ["hard", "soft"])


def step(**arguments: Any) -> DamstraToSqlOperator:
    given = {
        "resource": "group_members",
        "sql_conn_id": "warehouse",
        "table": "members",
        "write_mode": "replace",
        **arguments,
    }
    return DamstraToSqlOperator(task_id="to_sql", **given)


def members(warehouse: Database) -> set[tuple[int, int]]:
    """Return group and user of each row that is not marked as deleted."""
    has_marks = any("deleted_at" in row for row in warehouse.execute(_COLUMNS[warehouse.kind]))
    where = "WHERE deleted_at IS NULL" if has_marks else ""
    return set(warehouse.execute(f"SELECT group_id, id FROM members {where}"))  # noqa: S608 (our names)


_COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info('members')",
    "postgresql": "SELECT column_name FROM information_schema.columns WHERE table_name = 'members'",
}


def present_versions(warehouse: Database) -> set[tuple[int, int]]:
    return set(warehouse.execute("SELECT group_id, id FROM members_history WHERE valid_to IS NULL"))


def remove(*rows: tuple[int, int]) -> None:
    for group_id, user_id in rows:
        DamstraHook().call(RemoveGroupMembers(group_id=group_id, user_ids=[user_id]))


def test_soft_delete_marks_missing_row_until_it_returns(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    task = step(parent_ids=[CREW], delete_mode="soft")
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    count = run(task).value["rows"]
    (group_id, user_id), *_ = sorted(members(warehouse))
    remove((group_id, user_id))
    assert run(task).value["deleted"] == 1
    marked = f"SELECT deleted_at FROM members WHERE id = {user_id}"  # noqa: S608 (our id)
    [[deleted_at]] = warehouse.execute(marked)
    found = datetime.fromisoformat(deleted_at) if isinstance(deleted_at, str) else deleted_at
    assert before <= found <= datetime.now(UTC)
    # The next load keeps the time.
    assert run(task).value["deleted"] == 0
    assert warehouse.execute(marked) == [(deleted_at,)]
    DamstraHook().call(AddGroupMembers(group_id=group_id, user_ids=[user_id]))
    # A row that is read is not deleted, whatever the write mode.
    back = run(step(parent_ids=[CREW], delete_mode="soft", write_mode="upsert")).value
    assert (back["inserted"], back["updated"]) == (0, 1)
    assert len(members(warehouse)) == count


def test_soft_delete_without_upserts_of_the_database(
    damstra_emulator: DamstraEmulator, warehouse: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(load.INSERT_ON_CONFLICT, warehouse.kind)
    task = step(parent_ids=[CREW], delete_mode="soft")
    run(task)
    everyone = members(warehouse)
    gone = min(everyone)
    remove(gone)
    assert run(task).value["deleted"] == 1
    assert members(warehouse) == everyone - {gone}
    DamstraHook().call(AddGroupMembers(group_id=gone[0], user_ids=[gone[1]]))
    assert run(task).value["inserted"] == 0
    assert members(warehouse) == everyone


@DELETE_MODES
@pytest.mark.parametrize(
    "selection",
    [
        {"parent_ids": [CREW]},
        {"parent_filters": {"q": "Pit Crew A"}},
        {"parent_ids": [CREW, OTHER_CREW], "on_failed_parent": "skip"},
        {"on_failed_parent": "skip"},
    ],
    ids=["parent_ids", "parent_filters", "failed of two", "failed of all"],
)
def test_only_rows_of_listings_that_were_read_are_deleted(
    selection: dict[str, Any],
    delete_mode: str,
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    warehouse: Database,
) -> None:
    run(step(delete_mode=delete_mode, history=True))
    everyone = members(warehouse)
    gone = [min(row for row in everyone if row[0] == group_id) for group_id in (CREW, OTHER_CREW)]
    remove(*gone)
    if "on_failed_parent" in selection:
        connect(extra={"max_retries": 0})
        damstra_emulator.add_fault(kind="status", status=500, path=f"/group/{OTHER_CREW}/member")
    result = run(step(delete_mode=delete_mode, history=True, **selection)).value
    # The rows of a user in several groups change, too.
    assert (result["deleted"], result["history_ended"] - result["history_inserted"]) == (1, 1)
    assert members(warehouse) == present_versions(warehouse) == everyone - {gone[0]}
    damstra_emulator.clear_faults()
    run(step(delete_mode=delete_mode, history=True))
    assert members(warehouse) == present_versions(warehouse) == everyone - {*gone}


@DELETE_MODES
def test_rows_of_group_that_is_not_listed_any_more_are_deleted(
    delete_mode: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    run(step(delete_mode=delete_mode))
    everyone = members(warehouse)
    DamstraHook().call(InactivateGroup(group_id=CREW))
    run(step(delete_mode=delete_mode))
    assert members(warehouse) == {row for row in everyone if row[0] != CREW} < everyone


@DELETE_MODES
def test_incomplete_listing_deletes_nothing(delete_mode: str, warehouse: Database) -> None:
    engine = create_sql_engine("warehouse")
    is_soft = delete_mode == "soft"
    target = ResourceTable(RESOURCES["groups"], "groups", keeps_deleted=is_soft, has_history=True)
    prepare_table(engine, target, add_columns=False, deletes=True)
    replace_all(engine, target, [[b'{"id":1}', b'{"id":2}']], batch_size=2)
    result = replace_all(engine, target, [[b'{"id":2}']], batch_size=2, is_complete=lambda: False)
    assert (result["deleted"], result["history_ended"]) == (0, 0)
    assert warehouse.execute("SELECT count(*) FROM groups_history WHERE valid_to IS NULL") == [(2,)]
    assert replace_all(engine, target, [[b'{"id":2}']], batch_size=2)["deleted"] == 1


@DELETE_MODES
def test_preparation_changes_no_row(delete_mode: str, warehouse: Database) -> None:
    engine, counts = create_sql_engine("warehouse"), []
    is_soft = delete_mode == "soft"
    target = ResourceTable(RESOURCES["groups"], "groups", keeps_deleted=is_soft, has_history=True)
    prepare_table(engine, target, add_columns=False, deletes=True)
    replace_all(engine, target, [[b'{"id":1}', b'{"id":2}']], batch_size=2)
    event.listen(
        engine, "after_cursor_execute", lambda _, cursor, *more: counts.append((more[0], cursor.rowcount))
    )
    prepare_table(engine, target, add_columns=False, deletes=True)
    changes = [count for statement, count in counts if statement.startswith(("UPDATE", "DELETE", "INSERT"))]
    assert set(changes) == {0}
    assert len(changes) == 6


@pytest.mark.parametrize("arguments", [{"delete_mode": "soft"}, {"history": True}], ids=str)
def test_filters_are_rejected_if_deletion_is_recorded(
    arguments: dict[str, Any], damstra_emulator: DamstraEmulator, api: ApiClient, on_sqlite: Database
) -> None:
    users: dict[str, Any] = {"resource": "users", "table": "users", **arguments}
    filters = {"active_value": "active"}
    assert fail_fast_message(step(filters=filters, **users)) == (
        "filters {'active_value': 'active'} leave out rows, which would be recorded as deleted: load without "
        "filters, or with write_mode='upsert', or without delete_mode='soft' and history=True"
    )
    assert damstra_emulator.journal() == []
    everyone = run(step(filters={"active_value": "all"}, **users)).value
    assert run(step(filters=filters, **{**users, "write_mode": "upsert"})).value["inserted"] == 0
    assert on_sqlite.execute("SELECT count(*) FROM users") == [(everyone["rows"],)]


def test_column_for_deletion_is_added_to_existing_table(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    run(step())
    damstra_emulator.clear_journal()
    assert fail_fast_message(step(delete_mode="soft")) == (
        "the table members has no column deleted_at; add_missing_columns=True adds what is missing"
    )
    assert damstra_emulator.journal() == []
    assert run(step(delete_mode="soft", add_missing_columns=True)).value["updated"] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"delete_mode": "mark"}, "delete_mode is 'mark'; it can be hard or soft"),
        ({"history": "true"}, "history is 'true'; it can be True or False"),
    ],
    ids=str,
)
def test_invalid_argument_is_rejected_at_parse_time(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        step(**arguments)
