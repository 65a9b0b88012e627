"""The monthly training matrix: both files, and the users with overdue lessons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_training_matrix"


def test_writes_both_files_and_lists_overdue_users(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    damstra_emulator.clear_journal()
    run = run_dag(DAG_ID, folder=tmp_path.as_uri())
    assert run.succeeded()
    page, sheet = run.returned["write_page"], run.returned["write_sheet"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".html"]
    assert {page["uri"], sheet["uri"]} == {path.as_uri() for path in tmp_path.iterdir()}
    assert page["statuses"] == sheet["statuses"]
    assert page["statuses"]["overdue"] > 0
    members = api.get_json("/group/101/member", maxResults=100)["results"]
    overdue = {user["employeeNumber"] for user in members if _is_overdue(api, user["id"])}
    assert set(run.returned["list_overdue"]) == overdue
    assert len(overdue) > 5
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


def _is_overdue(api: ApiClient, user_id: int) -> bool:
    rows = api.get_json(f"/user/{user_id}/lesson_schedule", maxResults=100)["results"]
    return any(row["status"] == "overdue" for row in rows)
