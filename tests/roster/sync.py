"""The operator on the emulator's demo data, and what it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

CREW_IDS = (1011, 1016, 1021, 1026, 1031, 1036)
"""Members of group 102, Pit Crew A."""


def row(number: int | str, first_name: str = "Ada", last_name: str = "Byron", **cells: Any) -> dict[str, Any]:
    """Return a row of an extract; a number is the id of a user of the seed."""
    employee_number = f"E{number}" if isinstance(number, int) else number
    return {
        "employee_number": employee_number,
        "first_name": first_name,
        "last_name": last_name,
        **cells,
    }


def operator(users: list[dict[str, Any]], **arguments: Any) -> DamstraSyncUsersOperator:
    """Return the task; by default its scope is group 102, and no number of leavers stops it."""
    scope = {} if {"scope", "filters"} & arguments.keys() else {"group_id": 102}
    options: dict[str, Any] = {"max_inactivations": None, **scope, **arguments}
    return DamstraSyncUsersOperator(task_id="roster", users=users, **options)


def sent_writes(emulator: DamstraEmulator) -> list[str]:
    """Return the changing requests."""
    journal = emulator.journal()
    return [f"{entry['method']} {entry['path']}" for entry in journal if entry["method"] != "GET"]
