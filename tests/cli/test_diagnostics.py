"""airflow damstra doctor and verify."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.cli.conftest import FailCommand, RunCommand


def test_doctor_prints_findings(damstra_emulator: DamstraEmulator, run_command: RunCommand) -> None:
    output, _ = run_command("doctor", "--output", "json")
    findings = {item["check"]: item for item in json.loads(output)}
    assert findings["key"]["level"] == "ok"
    assert set(findings["key"]) == {"check", "level", "text", "advice"}
    assert damstra_emulator.access_key not in output


def test_doctor_fails_on_errors(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_DAMSTRA_DEFAULT")
    assert fail_command("doctor") == "Errors were found: connection."


def test_verify_writes_the_report(
    damstra_emulator: DamstraEmulator, run_command: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "verification.md"
    output, message = run_command("verify", "--report", str(path), "--output", "csv")
    assert "paging.order,confirmed," in output
    assert path.read_text().startswith("# Verification of a Damstra Learning account\n")
    assert f"bytes are written to {path}." in message
    assert path.stat().st_mode & 0o777 == 0o600


def test_verify_fails_on_deviations(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand, tmp_path: Path
) -> None:
    damstra_emulator.add_fault("status", path="/user/999999999", status=400, body={"error": "invalid"})
    path = tmp_path / "verification.json"
    message = fail_command("verify", "--report", str(path), "--max-requests", "200")
    assert "The account deviates from 1 of " in message
    assert json.loads(path.read_text())["summary"]["deviates"] == 1


def test_verify_without_a_response_has_its_own_exit_code(
    damstra_emulator: DamstraEmulator,
    fail_command: FailCommand,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    connection = json.loads(damstra_emulator.connection_json) | {"password": "another-access-key"}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))
    path = tmp_path / "verification.md"
    message = fail_command("verify", "--report", str(path), exit_code=3)
    assert message.endswith("airflow damstra doctor --conn-id damstra_default shows why.")
    assert path.exists()
    # Not sent again for each check.
    targets = [(entry["path"], str(entry["query"])) for entry in damstra_emulator.journal()]
    assert len(targets) - len(set(targets)) <= 2  # with the other key


def test_report_that_cannot_be_written_is_refused_before_the_first_request(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand, tmp_path: Path
) -> None:
    assert "must end with .md or .json" in fail_command("verify", "--report", "report.txt", exit_code=2)
    path = tmp_path / "airflow.db" / "report.md"
    assert "is not a folder" in fail_command("verify", "--report", str(path), exit_code=2)
    assert damstra_emulator.journal() == []
