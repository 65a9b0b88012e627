"""Rows that move while they are read: nobody is taken for gone who is there, and who is gone is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_damstra.endpoints import ActivateUser, InactivateUser, RemoveGroupMembers
from airflow_provider_damstra.exports import consistent_pagination as whole_listing
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import run
from tests.transfers.lake import Lake
from tests.transfers.moving import once_pages_have_come
from tests.transfers.variables import Variables

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database

FIRST, AWAY, LAST = 1002, 1001, 1037
CREW = 102


@pytest.fixture
def runs(lake: str, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> Lake:
    Variables().answer_for(monkeypatch)
    return Lake(lake)


def leaves(user_id: int) -> None:
    DamstraHook().call(InactivateUser(user_id=user_id))


def leaves_and_another_comes() -> None:
    """Change the listing so that it is as long as before."""
    leaves(FIRST)
    DamstraHook().call(ActivateUser(user_id=AWAY))


def last_comes_first() -> None:
    """Change the listing before all that was read."""
    DamstraHook().call(ActivateUser(user_id=AWAY))


def deleted(runs: Lake, run_id: str) -> list[int]:
    return sorted(row["id"] for row in runs.rows(f"{run_id}.jsonl.deleted.jsonl"))


@pytest.mark.parametrize(("pages", "concurrency"), [(1, 8), (3, 1)])
@pytest.mark.parametrize(
    ("happens", "gone"),
    [(lambda: leaves(FIRST), [FIRST]), (leaves_and_another_comes, [FIRST]), (last_comes_first, [])],
    ids=["one leaves", "one leaves, one comes", "one comes"],
)
def test_nobody_is_said_to_be_deleted_who_is_there(
    happens: Any, gone: list[int], pages: int, concurrency: int, runs: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: dict[str, Any] = {"resource": "users", "page_size": 5, "max_concurrency": concurrency}
    users["find_deleted"] = True
    leaves(AWAY)
    runs.export("first", **users)
    leaves(LAST)
    once_pages_have_come(pages, happens, monkeypatch, path="/user")
    runs.export("second", **users)
    # Who left in the course of the reading may have been read before.
    assert [one for one in deleted(runs, "second") if one not in gone] == [LAST]
    runs.export("third", **users)
    assert sorted(deleted(runs, "second") + deleted(runs, "third")) == sorted([LAST, *gone])
    assert runs.export("fourth", **users)["deleted"] == 0


def test_no_member_is_said_to_be_deleted_because_another_left(
    runs: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    members: dict[str, Any] = {"resource": "group_members", "page_size": 2, "find_deleted": True}
    runs.export("first", **members)
    gone = next(row["id"] for row in runs.rows("first.jsonl") if row["groupId"] == CREW)
    removal = RemoveGroupMembers(group_id=CREW, user_ids=[gone])
    once_pages_have_come(1, lambda: DamstraHook().call(removal), monkeypatch, path=f"/group/{CREW}/member")
    runs.export("second", **members)
    assert deleted(runs, "second") == []
    runs.export("third", **members)
    assert runs.rows("third.jsonl.deleted.jsonl") == [{"groupId": CREW, "id": gone}]


def test_a_failed_attempt_and_its_retry_announce_what_one_attempt_would(
    runs: Lake, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: dict[str, Any] = {"resource": "users", "page_size": 5, "max_concurrency": 1, "find_deleted": True}
    runs.export("first", **users)
    leaves(LAST)

    def fails() -> None:
        leaves(FIRST)
        damstra_emulator.add_fault("status", path="/user", status=400, count=1)

    once_pages_have_come(2, fails, monkeypatch, path="/user")
    with pytest.raises(AirflowFailException):
        runs.export("second", **users)
    runs.export("second", number=2, **users)
    assert deleted(runs, "second") == [FIRST, LAST]
    assert runs.export("third", **users)["deleted"] == 0


def table_of_users(*, max_concurrency: int) -> DamstraToSqlOperator:
    return DamstraToSqlOperator(
        task_id="to_sql",
        resource="users",
        sql_conn_id="warehouse",
        table="users",
        write_mode="replace",
        page_size=5,
        max_concurrency=max_concurrency,
    )


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_table_keeps_everybody_who_is_there(
    concurrency: int, damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    replacing = table_of_users(max_concurrency=concurrency)
    run(replacing)
    leaves(LAST)
    once_pages_have_come(2, lambda: leaves(FIRST), monkeypatch, path="/user")
    assert run(replacing).value["deleted"] == 1
    ids = [row[0] for row in on_sqlite.execute("SELECT id FROM users ORDER BY id")]
    assert ids == list(range(1001, LAST))
    assert run(replacing).value["deleted"] == 1


@pytest.fixture
def _unsteady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one row that moves be enough for a listing that cannot be read."""
    monkeypatch.setattr(whole_listing, "MAX_READINGS", 1)
    monkeypatch.setattr(whole_listing, "_MAX_REALIGNMENTS", 1)


@pytest.mark.usefixtures("_unsteady")
def test_who_may_have_been_missed_is_said_to_be_deleted_by_the_next_run_at_the_earliest(
    runs: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: dict[str, Any] = {"resource": "users", "page_size": 5, "max_concurrency": 1, "find_deleted": True}
    runs.export("first", **users)
    leaves(LAST)
    once_pages_have_come(1, lambda: leaves(FIRST), monkeypatch, path="/user")
    assert runs.export("second", **users)["deleted"] == 0
    assert runs.export("third", **users)["rows"] == 0
    assert deleted(runs, "third") == [FIRST, LAST]


@pytest.mark.usefixtures("_unsteady")
def test_a_table_loses_nobody_who_may_have_been_missed(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    replacing = table_of_users(max_concurrency=1)
    run(replacing)
    leaves(LAST)
    once_pages_have_come(1, lambda: leaves(FIRST), monkeypatch, path="/user")
    assert run(replacing).value["deleted"] == 0
    assert run(replacing).value["deleted"] == 2
