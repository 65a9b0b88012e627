"""Group sync: a department with a new name, one that is new, a plan only, and an extract that broke off."""

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
def _hr_knows_the_crew(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    api.send(f"/group/{PIT_CREW_A}", name="Pit Crew A", description="HR department D10")
    damstra_emulator.clear_journal()


def test_groups_become_as_the_departments_are(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    extract = write_csv(tmp_path / "extract.csv", *_rows(api))
    run = run_dag(DAG_ID, extract=extract)
    assert run.succeeded()
    assert api.get_json(f"/group/{PIT_CREW_A}")["name"] == "Pit Crew Alpha"
    assert _people(api, PIT_CREW_A, "member") == {*STAYING, SUPERVISOR}
    assert _people(api, PIT_CREW_A, "supervisor") == {SUPERVISOR}
    crew, blasters = run.returned["create_group[0]"], run.returned["create_group[1]"]
    assert crew == PIT_CREW_A
    assert _people(api, blasters, "member") == {LEADER, NEW}
    assert _people(api, blasters, "supervisor") == {LEADER}
    # An import takes the roles away from whom it updates, unless the rows name them.
    leader = api.get_json(f"/user/{LEADER}")
    assert (leader["emailAddress"], leader["roles"]) == ("mei@example.org", [5, 6])

    damstra_emulator.clear_journal()
    again = run_dag(DAG_ID, extract=extract)
    assert again.succeeded()
    assert again.states["rename_group"] == "skipped"
    assert damstra_emulator.journal("POST") == []


def test_a_dry_run_plans_and_moves_nobody(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    run = run_dag(DAG_ID, extract=write_csv(tmp_path / "extract.csv", *_rows(api)), dry_run=True)
    assert run.succeeded()
    assert run.returned["sync_members[0]"] == {"added": [SUPERVISOR], "removed": LEAVING}
    assert run.returned["sync_members[1]"] == {"added": [LEADER, NEW], "removed": []}
    assert _people(api, PIT_CREW_A, "member") == {*STAYING, *LEAVING}
    assert damstra_emulator.journal("POST", "/group/*/*") == []


def test_an_extract_that_broke_off_empties_no_group(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    run = run_dag(DAG_ID, extract=write_csv(tmp_path / "extract.csv", *_rows(api)[:2]))
    assert run.state == run.states["sync_members[0]"] == "failed"
    assert run.links["sync_members[0]"] == f"{damstra_emulator.url}/"
    assert "4 of 6 would be removed" in run.log
    assert _people(api, PIT_CREW_A, "member") == {*STAYING, *LEAVING}
    assert damstra_emulator.journal("POST", "/group/*/*") == []


def _rows(api: ApiClient) -> list[dict[str, str]]:
    """Return HR's extract: some of the crew, which has a new name, and a department that is new."""
    crew = {"department_code": "D10", "department": "Pit Crew Alpha"}
    blasters = {"department_code": "D20", "department": "Blast Engineering"}
    new = {
        "employee_number": f"E{NEW}",
        "first_name": "Sam",
        "last_name": "Quill",
        "email_address": "s.quill@example.com",
    }
    return [
        *(_person(api, user_id) | crew | {"leads": "no"} for user_id in STAYING),
        _person(api, SUPERVISOR) | crew | {"leads": "yes"},
        _person(api, LEADER) | {"email_address": "mei@example.org"} | blasters | {"leads": "yes"},
        new | blasters | {"leads": "no"},
    ]


def _person(api: ApiClient, user_id: int) -> dict[str, str]:
    user: dict[str, Any] = api.get_json(f"/user/{user_id}")
    return {
        "employee_number": user["employeeNumber"],
        "first_name": user["firstName"],
        "last_name": user["lastName"],
        "email_address": user["emailAddress"],
    }


def _people(api: ApiClient, group_id: int, who: str) -> set[int]:
    return {user["id"] for user in api.get_json(f"/group/{group_id}/{who}", maxResults=100)["results"]}
