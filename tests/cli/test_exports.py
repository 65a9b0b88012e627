"""airflow damstra export: the files of DamstraExportOperator, with progress on a terminal."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.cli.definitions.exports import RESOURCES
from airflow_provider_damstra.transfers.base import RESOURCE_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.cli.conftest import FailCommand, RunCommand


def test_resources_are_those_of_operator() -> None:
    assert RESOURCES == RESOURCE_NAMES


@pytest.mark.usefixtures("damstra_emulator")
def test_file_format_follows_name(run_command: RunCommand, tmp_path: Path) -> None:
    lines = tmp_path / "users.jsonl"
    facts = json.loads(run_command("export", "users", str(lines), "-o", "json")[0])
    assert facts["rows"] == len(lines.read_text().splitlines()) == 40
    table = tmp_path / "users.csv"
    run_command("export", "users", str(table), "--exclude-columns", "email_address, user_name")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [
        str(json.loads(line)["id"]) for line in lines.read_text().splitlines()
    ]
    assert not {"email_address", "user_name"} & rows[0].keys()


@pytest.mark.usefixtures("damstra_emulator")
def test_compression_follows_name(run_command: RunCommand, tmp_path: Path) -> None:
    plain, packed = tmp_path / "users.csv", tmp_path / "users.csv.gz"
    run_command("export", "users", str(plain))
    run_command("export", "users", str(packed))
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_parents_and_filters_select_rows(
    damstra_emulator: DamstraEmulator, run_command: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.jsonl"
    selection = ("--parent-ids", "1011,1012", "--filter", "status=completed")
    run_command("export", "lesson_schedules", str(path), *selection)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["userId"] for row in rows} <= {1011, 1012}
    assert {row["status"] for row in rows} == {"completed"}
    assert damstra_emulator.journal(path="/user") == []


def test_skipped_parent_is_a_finding(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand, tmp_path: Path
) -> None:
    damstra_emulator.add_fault("status", path="/group/103/member", status=400)
    path = tmp_path / "members.jsonl"
    arguments = ("export", "group_members", str(path), "--parent-ids", "102,103")
    assert "ListGroupMembers (GET /group/103/member) failed" in fail_command(*arguments)
    assert not path.exists()
    message = fail_command(*arguments, "--skip-failed-parents")
    assert message.startswith("Left out:\ngroup_id 103: ListGroupMembers")
    assert path.exists()


@pytest.mark.usefixtures("damstra_emulator")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--filter", "status"), "--filter 'status' is not NAME=VALUE"),
        (("--filter", "colour=red"), "users have no filter 'colour'"),
        (("--parent-ids", "1"), "users is one listing: it takes no parent_ids"),
        (("--safe-for-spreadsheets",), "safe_for_spreadsheets is for file_format 'csv'"),
        (("--exclude-columns", "nope"), "nope"),
    ],
    ids=["filter", "unknown-filter", "parents", "format", "column"],
)
def test_wrong_usage_has_exit_code_2_and_writes_nothing(
    arguments: tuple[str, ...], message: str, fail_command: FailCommand, tmp_path: Path
) -> None:
    path = tmp_path / "users.jsonl"
    assert message in fail_command("export", "users", str(path), *arguments, exit_code=2)
    assert list(tmp_path.iterdir()) == [tmp_path / "airflow.db"]


@pytest.mark.usefixtures("damstra_emulator")
@pytest.mark.parametrize("resource", ["users", "group_members"])
def test_terminal_shows_progress(
    resource: str, run_command: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("export", resource, str(tmp_path / "rows.jsonl"))
    assert run_command(*arguments)[1] == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run_command(*arguments)[1]
