"""Group sync: a renamed department, a new department, a dry run, and a truncated extract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.api_client import PIT_CREW_A, SUPERVISOR
from tests.example_dags.files import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_group_sync"
STAYING, LEAVING = [1011, 1016, 1021, 1026], [1031, 1036]
LEADER, NEW = 1007, 1041


@pytest.fixture(autouse=True)
def _crew_has_department_code(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    api.send(f"/group/{PIT_CREW_A}", name="Pit Crew A", description="HR department D10")
    damstra_emulator.clear_journal()


def test_groups_match_departments(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    extract = write_csv(tmp_path / "extract.csv", *_rows(api))
    run = run_dag(DAG_ID, extract=extract)
    assert run.succeeded()
    assert api.get_json(f"/group/{PIT_CREW_A}")["name"] == "Pit Crew Alpha"
    assert _user_ids(api, PIT_CREW_A, "member") == {*STAYING, SUPERVISOR}
    assert _user_ids(api, PIT_CREW_A, "supervisor") == {SUPERVISOR}
    crew, blasters = run.returned["create_group[0]"], run.returned["create_group[1]"]
    assert crew == PIT_CREW_A
    assert _user_ids(api, blasters, "member") == {LEADER, NEW}
    assert _user_ids(api, blasters, "supervisor") == {LEADER}
    # An import would remove roles that the rows do not name.
    leader = api.get_json(f"/user/{LEADER}")
    assert (leader["emailAddress"], leader["roles"]) == ("mei@example.org", [5, 6])

    damstra_emulator.clear_journal()
    again = run_dag(DAG_ID, extract=extract)
    assert again.succeeded()
    assert again.states["rename_group"] == "skipped"
    assert damstra_emulator.journal("POST") == []


def test_dry_run_only_plans_changes_of_members(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    run = run_dag(DAG_ID, extract=write_csv(tmp_path / "extract.csv", *_rows(api)), dry_run=True)
    assert run.succeeded()
    assert run.returned["sync_members[0]"] == {"added": [SUPERVISOR], "removed": LEAVING}
    assert run.returned["sync_members[1]"] == {"added": [LEADER, NEW], "removed": []}
    assert _user_ids(api, PIT_CREW_A, "member") == {*STAYING, *LEAVING}
    assert damstra_emulator.journal("POST", "/group/*/*") == []


def test_truncated_extract_changes_no_group(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    run = run_dag(DAG_ID, extract=write_csv(tmp_path / "extract.csv", *_rows(api)[:2]))
    assert run.state == run.states["sync_members[0]"] == "failed"
    assert run.links["sync_members[0]"] == f"{damstra_emulator.url}/"
    assert "4 of 6 would be removed" in run.log
    assert _user_ids(api, PIT_CREW_A, "member") == {*STAYING, *LEAVING}
    assert damstra_emulator.journal("POST", "/group/*/*") == []


def _rows(api: ApiClient) -> list[dict[str, str]]:
    """Return the HR extract: a part of the crew, renamed, and a new department."""
    crew = {"department_code": "D10", "department": "Pit Crew Alpha"}
    blasters = {"department_code": "D20", "department": "Blast Engineering"}
    new = {
        "employee_number": f"E{NEW}",
        "first_name": "Sam",
        "last_name": "Quill",
        "email_address": "s.quill@example.com",
    }
    return [
        *(_row(api, user_id) | crew | {"leads": "no"} for user_id in STAYING),
        _row(api, SUPERVISOR) | crew | {"leads": "yes"},
        _row(api, LEADER) | {"email_address": "mei@example.org"} | blasters | {"leads": "yes"},
        new | blasters | {"leads": "no"},
    ]


def _row(api: ApiClient, user_id: int) -> dict[str, str]:
    user: dict[str, Any] = api.get_json(f"/user/{user_id}")
    return {
        "employee_number": user["employeeNumber"],
        "first_name": user["firstName"],
        "last_name": user["lastName"],
        "email_address": user["emailAddress"],
    }


def _user_ids(api: ApiClient, group_id: int, role: str) -> set[int]:
    return {user["id"] for user in api.get_json(f"/group/{group_id}/{role}", maxResults=100)["results"]}
