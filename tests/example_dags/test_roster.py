"""The roster examples: a German extract with a leaver and a returner, and a plan that has to be approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.example_dags import write_input_files

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

LEAVER, RETURNER, NEW = 1035, 1040, [1041, 1042]
CONCRETE_CREW, SCAFFOLDERS = 106, 107


def test_german_extract_is_applied(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    write_input_files(tmp_path)
    extract = (tmp_path / "mitarbeiter.csv").as_uri()
    run = run_dag("example_damstra_roster", extract=extract)
    assert run.succeeded()
    counts = run.returned["sync_users"]["counts"]
    changed = {name: counts[name] for name in ("created", "reactivated", "inactivated", "ambiguous")}
    assert changed == {"created": 2, "reactivated": 1, "inactivated": 1, "ambiguous": 0}
    new = api.get_json(f"/user/{NEW[1]}")
    assert (new["firstName"], new["lastName"]) == ("Jürgen", "Müßig-Gerüstbau")
    assert is_active(api, RETURNER)
    assert not is_active(api, LEAVER)
    assert NEW[0] in members(api, CONCRETE_CREW)
    assert {RETURNER, NEW[1]} <= members(api, SCAFFOLDERS)
    assert LEAVER not in members(api, SCAFFOLDERS)

    damstra_emulator.clear_journal()
    assert run_dag("example_damstra_roster", extract=extract).succeeded()
    assert damstra_emulator.journal("POST") == []


def test_truncated_extract_changes_nothing(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    write_input_files(tmp_path)
    file = tmp_path / "mitarbeiter.csv"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:7]))
    run = run_dag("example_damstra_roster", extract=file.as_uri())
    assert run.state == "failed"
    assert "max_inactivations allows 0.1" in run.log
    assert damstra_emulator.journal("POST") == []


@pytest.mark.needs_airflow("3.2")  # approvals
def test_approved_plan_is_carried_out(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    write_input_files(tmp_path)
    files = {"extract": (tmp_path / "roster.csv").as_uri(), "plan": (tmp_path / "plan.jsonl").as_uri()}
    run = run_dag("example_damstra_roster_approval", **files)
    assert run.succeeded()
    assert run.returned["plan"]["counts"] == run.returned["sync_users"]["counts"]
    assert run.returned["plan"]["counts"]["inactivated"] == 1
    assert '"change": "inactivate"' in (tmp_path / "plan.jsonl").read_text()
    assert not is_active(api, LEAVER)


def is_active(api: ApiClient, user_id: int) -> bool:
    return bool(api.get_json(f"/user/{user_id}")["clientStatusId"] == 56)


def members(api: ApiClient, group_id: int) -> set[int]:
    return {user["id"] for user in api.get_json(f"/group/{group_id}/member", maxResults=100)["results"]}
