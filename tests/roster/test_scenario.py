"""Ten extracts of a changing company of 300: the account equals each, wherever a task is killed."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator
from tests.emulator.api_client import call_control_plane
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import Outcome, StateStore, error_message, run
from tests.roster.company import (
    BOSS,
    DEPARTMENTS,
    AccountState,
    AccountUser,
    Company,
    account_after,
    extracts,
    write_extract,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

COLUMNS = {
    "Personalnummer": "employee_number",
    "Vorname": "first_name",
    "Nachname": "last_name",
    "E-Mail": "email_address",
    "Telefon": "phone_number",
}


KINDS_OF_WRITES = 8
"""Changing operations of the operator."""


class Killed(BaseException):
    """Raised in place of the death of the worker."""


class Departments:
    """The account of the company: a group with a child group for each department."""

    def __init__(self, emulator: DamstraEmulator, api: ApiClient, folder: Path) -> None:
        self.emulator = emulator
        self._api = api
        self._folder = folder
        emulator.reset(seed="empty")
        self.parent_id: int = api.send("/group", name="Abteilungen", description="-").json()["id"]
        for name in DEPARTMENTS:
            api.send("/group", name=name, description="-", parentId=self.parent_id)

    def operator(self, rows: Any, **arguments: Any) -> DamstraSyncUsersOperator:
        """Return the task that applies an extract."""
        options: dict[str, Any] = {
            "users_path": write_extract(self._folder / "extract.csv", rows),
            "encoding": "cp1252",
            "columns": COLUMNS,
            "ignored_columns": ["Kostenstelle"],
            "scope": "all",
            "group_column": "Abteilung",
            "manager_column": "Vorgesetzter",
            "parent_group_id": self.parent_id,
            "create_groups": True,
            **arguments,
        }
        return DamstraSyncUsersOperator(task_id="roster", **options)

    def apply(self, rows: Any, **context: Any) -> Outcome:
        """Apply an extract."""
        return run(self.operator(rows), **context)

    def state(self) -> AccountState:
        """Return the account as the API shows it."""
        names = {group["id"]: group["name"] for group in self._rows("/group")}
        users = self._rows("/user", activeValue="all")
        supervisors: dict[str, set[str]] = {}
        for user in users:
            for group in user["groupsSupervised"]:
                supervisors.setdefault(names[group["id"]], set()).add(user["employeeNumber"])
        assert len({user["employeeNumber"] for user in users}) == len(users)
        return AccountState(
            users={
                user["employeeNumber"]: AccountUser(
                    first_name=user["firstName"],
                    last_name=user["lastName"],
                    email=user["emailAddress"],
                    phone=user["phoneNumber"],
                    is_active=user["clientStatusId"] == 56,
                    groups=frozenset(names[group["id"]] for group in user["groups"]),
                )
                for user in users
            },
            supervisors=supervisors,
        )

    def _rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while page := self._api.get_json(path, startIndex=len(rows), maxResults=100, **query)["results"]:
            rows += page
        return rows

    def set_status(self, number: str, operation: str) -> None:
        """Activate or inactivate a user."""
        (user,) = self._api.get_json("/user", empId=number, activeValue="all")["results"]
        self._api.send(f"/user/{user['id']}/{operation}")

    def writes(self) -> list[str]:
        """Return the changing requests since the journal was cleared."""
        journal = self.emulator.journal()
        return [f"{entry['method']} {entry['path']}" for entry in journal if entry["method"] != "GET"]


@pytest.fixture
def departments(damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path) -> Departments:
    """Return the account before the first extract."""
    return Departments(damstra_emulator, api, tmp_path)


def test_users_and_groups_equal_each_extract(departments: Departments) -> None:
    state, applied = departments.state(), 0
    for name, rows in extracts(Company(300)):
        if name == "truncated":
            departments.emulator.clear_journal()
            assert "max_inactivations allows 0.1" in error_message(
                departments.operator(rows), DamstraConflictError
            )
            assert departments.writes() == []
            assert departments.state() == state
            continue
        outcome = departments.apply(rows)
        expected = account_after(state, rows)
        state = departments.state()
        assert state.users == expected.users, name
        assert state.supervisors == expected.supervisors, name
        problems = {kind: outcome.value["counts"][kind] for kind in ("duplicate", "ambiguous", "protected")}
        is_duplicate = int(name == "duplicate")
        assert problems == {"duplicate": is_duplicate, "ambiguous": is_duplicate, "protected": 1}, name
        departments.emulator.clear_journal()
        departments.apply(rows)
        assert departments.writes() == [], name
        assert len(departments.emulator.journal()) <= 6, name
        applied += 1
    assert applied == 9


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Kill the worker when Damstra has carried out some writes, before the response to the last arrives."""
    original, lock, sent = Client.call, threading.Lock(), 0

    def call(client: Client, endpoint: Endpoint[Any]) -> Any:
        nonlocal sent
        if endpoint.method == "GET":
            return original(client, endpoint)
        with lock:
            if sent >= writes:
                raise Killed
            sent += 1
            result: Any = original(client, endpoint)
            if sent == writes:
                raise Killed
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "call", call)
        yield


class Restructuring:
    """One extract with every kind of change, for the company of 300."""

    def __init__(self, departments: Departments) -> None:
        company = Company(300)
        departments.apply(company.rows())
        departments.set_status("E2040", "inactivate")
        self.before = departments.state()
        self._start = call_control_plane(departments.emulator, "GET", "/state").json()
        departments.emulator.clear_journal()
        company.leave([1, 21, 250])
        company.change([30, 31, 32], phone="09 {}")
        company.change([14, 15], department="Labor", manager="E2004")
        company.change(range(7, 300, 6), manager=BOSS)
        company.hire(1)
        company.hire(2, "Sprengtechnik")
        self.rows = company.rows()
        self._departments = departments

    def restart(self) -> None:
        """Restore the account before the extract."""
        emulator = self._departments.emulator
        call_control_plane(emulator, "PUT", "/state", self._start).raise_for_status()
        emulator.clear_journal()

    def operator(self) -> DamstraSyncUsersOperator:
        """Return the task, with several requests of each kind."""
        return self._departments.operator(self.rows, batch_size=2)


@pytest.mark.parametrize("keeps_state", [True, False], ids=["Airflow 3.3", "before 3.3"])
def test_retry_after_kill_between_any_two_writes_leads_to_the_same_account(
    keeps_state: bool, departments: Departments
) -> None:
    restructuring = Restructuring(departments)
    outcome = run(restructuring.operator())
    expected, writes = departments.state(), len(departments.writes())
    changes = changes_in(departments.emulator)
    assert expected == account_after(restructuring.before, restructuring.rows)
    assert len({re.sub(r"\d+", "", one) for one in departments.writes()}) == KINDS_OF_WRITES
    assert writes > 12
    for kill in range(1, writes + 1):
        restructuring.restart()
        stores = StateStore(), StateStore()
        with killed_after(kill), pytest.raises(Killed):
            run(restructuring.operator(), task_state_store=stores[0])
        assert len(departments.writes()) == kill
        again = run(restructuring.operator(), task_state_store=stores[0] if keeps_state else stores[1])
        assert departments.state() == expected, kill
        assert changes_in(departments.emulator) == changes, kill
        if keeps_state:
            assert again == outcome, kill
