"""Rows that move while they are read: existing rows are never reported as deleted, deleted ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_damstra.endpoints import ActivateUser, InactivateUser, RemoveGroupMembers
from airflow_provider_damstra.exports import consistent_pagination
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import run
from tests.transfers.export_runs import ExportRuns
from tests.transfers.page_hook import call_after_pages
from tests.transfers.variables import Variables

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database

FIRST, AWAY, LAST = 1002, 1001, 1037
CREW = 102
# Inactivating a user deletes a row of this listing.
ACTIVE_USERS: dict[str, Any] = {"resource": "users", "filters": {"active_value": "active"}}


@pytest.fixture
def runs(lake: str, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> ExportRuns:
    Variables().install(monkeypatch)
    return ExportRuns(lake)


def inactivate(user_id: int) -> None:
    DamstraHook().call(InactivateUser(user_id=user_id))


def replace_one_user() -> None:
    """Change the listing without changing its length."""
    inactivate(FIRST)
    DamstraHook().call(ActivateUser(user_id=AWAY))


def activate_first_user() -> None:
    """Add a row before the rows that were read."""
    DamstraHook().call(ActivateUser(user_id=AWAY))


def deleted(runs: ExportRuns, run_id: str) -> list[int]:
    return sorted(row["id"] for row in runs.rows(f"{run_id}.jsonl.deleted.jsonl"))


@pytest.mark.parametrize(("pages", "concurrency"), [(1, 8), (3, 1)])
@pytest.mark.parametrize(
    ("change", "deleted_ids"),
    [(lambda: inactivate(FIRST), [FIRST]), (replace_one_user, [FIRST]), (activate_first_user, [])],
    ids=["one deleted", "one deleted, one added", "one added"],
)
def test_only_deleted_rows_are_reported_as_deleted(
    change: Any,
    deleted_ids: list[int],
    pages: int,
    concurrency: int,
    runs: ExportRuns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users: dict[str, Any] = {**ACTIVE_USERS, "page_size": 5, "max_concurrency": concurrency}
    users["find_deleted"] = True
    inactivate(AWAY)
    runs.export("first", **users)
    inactivate(LAST)
    call_after_pages(pages, change, monkeypatch, path="/user")
    runs.export("second", **users)
    # A row that was deleted during the export may have been read before.
    assert [one for one in deleted(runs, "second") if one not in deleted_ids] == [LAST]
    runs.export("third", **users)
    assert sorted(deleted(runs, "second") + deleted(runs, "third")) == sorted([LAST, *deleted_ids])
    assert runs.export("fourth", **users)["deleted"] == 0


def test_members_are_not_reported_as_deleted_when_another_is_removed(
    runs: ExportRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    members: dict[str, Any] = {"resource": "group_members", "page_size": 2, "find_deleted": True}
    runs.export("first", **members)
    deleted_id = next(row["id"] for row in runs.rows("first.jsonl") if row["groupId"] == CREW)
    removal = RemoveGroupMembers(group_id=CREW, user_ids=[deleted_id])
    call_after_pages(1, lambda: DamstraHook().call(removal), monkeypatch, path=f"/group/{CREW}/member")
    runs.export("second", **members)
    assert deleted(runs, "second") == []
    runs.export("third", **members)
    assert runs.rows("third.jsonl.deleted.jsonl") == [{"groupId": CREW, "id": deleted_id}]


def test_failed_try_and_retry_report_the_same_as_one_try(
    runs: ExportRuns, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: dict[str, Any] = {**ACTIVE_USERS, "page_size": 5, "max_concurrency": 1, "find_deleted": True}
    runs.export("first", **users)
    inactivate(LAST)

    def fails() -> None:
        inactivate(FIRST)
        damstra_emulator.add_fault("status", path="/user", status=400, count=1)

    call_after_pages(2, fails, monkeypatch, path="/user")
    with pytest.raises(AirflowFailException):
        runs.export("second", **users)
    runs.export("second", number=2, **users)
    assert deleted(runs, "second") == [FIRST, LAST]
    assert runs.export("third", **users)["deleted"] == 0


def table_of_users(*, max_concurrency: int) -> DamstraToSqlOperator:
    return DamstraToSqlOperator(
        task_id="to_sql",
        **ACTIVE_USERS,
        sql_conn_id="warehouse",
        table="users",
        write_mode="replace",
        page_size=5,
        max_concurrency=max_concurrency,
    )


@pytest.mark.parametrize("concurrency", [1, 8])
def test_replace_keeps_existing_rows(
    concurrency: int, damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    replacing = table_of_users(max_concurrency=concurrency)
    run(replacing)
    inactivate(LAST)
    call_after_pages(2, lambda: inactivate(FIRST), monkeypatch, path="/user")
    assert run(replacing).value["deleted"] == 1
    ids = [row[0] for row in on_sqlite.execute("SELECT id FROM users ORDER BY id")]
    assert ids == list(range(1001, LAST))
    assert run(replacing).value["deleted"] == 1


@pytest.fixture
def _zero_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up reading a listing consistently after one row has moved."""
    monkeypatch.setattr(consistent_pagination, "MAX_READINGS", 1)
    monkeypatch.setattr(consistent_pagination, "_MAX_REALIGNMENTS", 1)


@pytest.mark.usefixtures("_zero_tolerance")
def test_incomplete_export_reports_deletions_in_next_run(
    runs: ExportRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: dict[str, Any] = {**ACTIVE_USERS, "page_size": 5, "max_concurrency": 1, "find_deleted": True}
    runs.export("first", **users)
    inactivate(LAST)
    call_after_pages(1, lambda: inactivate(FIRST), monkeypatch, path="/user")
    assert runs.export("second", **users)["deleted"] == 0
    assert runs.export("third", **users)["rows"] == 0
    assert deleted(runs, "third") == [FIRST, LAST]


@pytest.mark.usefixtures("_zero_tolerance")
def test_replace_deletes_nothing_if_listing_is_incomplete(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    replacing = table_of_users(max_concurrency=1)
    run(replacing)
    inactivate(LAST)
    call_after_pages(1, lambda: inactivate(FIRST), monkeypatch, path="/user")
    assert run(replacing).value["deleted"] == 0
    assert run(replacing).value["deleted"] == 2
