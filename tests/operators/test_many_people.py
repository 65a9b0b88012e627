"""Work that is done once for all people, and not again for each: it is counted."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.user import User
from airflow_provider_damstra.operators.user import DamstraUpsertUsersOperator
from airflow_provider_damstra.services.roster.account import Account
from airflow_provider_damstra.services.user_import import parsing
from airflow_provider_damstra.services.user_import.columns import UserColumns
from tests.operators.task_runner import StateStore, run

if TYPE_CHECKING:
    import pytest

    from airflow_provider_damstra.testing import DamstraEmulator


class CountingStore(StateStore):
    """A state store that keeps the names of all values that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def set(self, key: str, value: Any) -> None:
        self.written.append(key)
        super().set(key, value)


class CountingIds(list[int]):
    """Ids that count how often they are searched."""

    searches = 0

    def __contains__(self, item: object) -> bool:
        self.searches += 1
        return super().__contains__(item)


def people(count: int) -> list[dict[str, str]]:
    return [
        {
            "employee_number": f"N{number}",
            "first_name": "New",
            "last_name": f"Comer{number}",
            "time_zone": "Australia/Perth",
        }
        for number in range(count)
    ]


def test_time_zones_are_listed_once_for_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[set[str]] = []

    def available_timezones() -> set[str]:
        listed.append({"Australia/Perth"})
        return listed[-1]

    monkeypatch.setattr(zoneinfo, "available_timezones", available_timezones)
    parsing.time_zones.cache_clear()
    try:
        options: Any = {"match_by": "employee_number", "allow_empty": False}
        assert len(parsing.parse_row_list(people(30), UserColumns({}), **options)) == 30
    finally:
        parsing.time_zones.cache_clear()
    assert len(listed) == 1


def test_batches_of_an_import_are_recorded_in_one_write(damstra_emulator: DamstraEmulator) -> None:
    store = CountingStore()
    run(DamstraUpsertUsersOperator(task_id="step", users=people(12), batch_size=2), task_state_store=store)
    assert len(damstra_emulator.journal(path="/bulkUserImport")) == 6
    assert store.written.count("damstra_intents") == 1


def test_groups_of_a_user_are_not_searched_for_each_group_of_the_scope() -> None:
    groups = {one: Group(id=one, name=f"Group {one}") for one in range(1, 101)}
    own = CountingIds([70, 999, 30])
    user = User.model_construct(id=7, groups=own)
    account = Account(
        users={7: user}, groups=groups, scope_ids=frozenset([7]), scope_group_ids=tuple(sorted(groups))
    )
    assert [group.id for group in account.groups_in_scope(user)] == [30, 70]
    assert own.searches == 0
