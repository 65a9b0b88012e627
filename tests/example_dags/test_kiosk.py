"""The kiosk, for a returning contractor and a new one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.emulator.api_client import INACTIVE_USER

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.airflow_process import AirflowProcess
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_kiosk"


def test_returning_contractor_is_activated_and_scheduled(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    before = api.get_json(f"/user/{INACTIVE_USER}")
    damstra_emulator.clear_journal()
    run = run_dag(DAG_ID, kiosk=tmp_path.as_uri(), first_name="W.", mobile_number="+61491570159")
    assert run.succeeded()
    after = api.get_json(f"/user/{INACTIVE_USER}")
    assert after == before | {
        "clientStatusId": 56,
        "mobileNumber": "+61491570159",
        "modifiedDate": after["modifiedDate"],
    }
    assert damstra_emulator.journal("POST", "/user") == []
    (lesson,) = map(json.loads, (tmp_path / "E1038" / "lessons.jsonl").read_text().splitlines())
    assert (lesson["userId"], lesson["lessonName"]) == (INACTIVE_USER, "Site Induction")

    damstra_emulator.clear_journal()
    assert run_dag(DAG_ID, kiosk=tmp_path.as_uri(), mobile_number="+61491570159").succeeded()
    # A new login URL changes no rows.
    assert [entry["path"] for entry in damstra_emulator.journal() if entry["rows"]] == []


def test_new_contractor_gets_account(run_dag: RunDag, api: ApiClient, tmp_path: Path) -> None:
    person = {"first_name": "Sam", "last_name": "Quill", "email_address": "s.quill@example.com"}
    run = run_dag(DAG_ID, kiosk=tmp_path.as_uri(), employee_number="2041", **person)
    assert run.succeeded()
    assert run.returned["activate_user"] is False
    user = api.get_json(f"/user/{run.returned['find_or_create_user']}")
    assert (user["employeeNumber"], user["lastName"]) == ("2041", "Quill")


def test_login_urls_are_only_in_files(run_dag: RunDag, airflow: AirflowProcess, tmp_path: Path) -> None:
    run = run_dag(DAG_ID, kiosk=tmp_path.as_uri())
    assert run.succeeded()
    for name in ("login", "player"):
        file = tmp_path / "E1038" / f"{name}.url"
        token = file.read_bytes().partition(b"token=")[2]
        assert len(token) > 20
        assert _files_with(token, airflow.home) == []
        assert any(found.startswith("airflow.db") for found in _files_with(str(file).encode(), airflow.home))


def _files_with(content: bytes, folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]
