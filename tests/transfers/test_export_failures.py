"""Failing exports: no file or a complete one, and parents that are left out are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_damstra.errors import DamstraNotFoundError, DamstraResponseError, DamstraServerError
from tests.operators.task_runner import error_message, run
from tests.transfers.export_operator import export_operator, read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.conftest import ConnectionFactory

LIAM, CREW = 1012, 102


def test_failed_export_leaves_existing_file(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.jsonl"
    path.write_text("what was there")
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    export = export_operator(path, "lesson_schedules", parent_ids=[1014, LIAM], max_concurrency=1)
    error_message(export, DamstraServerError)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]
    damstra_emulator.clear_faults()
    run(export)
    assert {row["userId"] for row in read_lines(path)} == {1014, LIAM}


def test_missing_user_fails_export_or_is_skipped(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": [999_999, LIAM]}
    assert "999999" in error_message(export_operator(path, **arguments), DamstraNotFoundError)
    assert list(tmp_path.iterdir()) == []
    result = run(export_operator(path, **arguments, on_failed_parent="skip")).value
    assert list(result["failed_parents"]) == ["999999"]
    assert result["failed_parent_count"] == 1
    assert {row["userId"] for row in read_lines(path)} == {LIAM}


def test_failed_parents_in_result_are_limited(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    unknown_ids = [*range(900_000, 900_030), LIAM]
    export = export_operator(
        tmp_path / "x", "lesson_schedules", parent_ids=unknown_ids, on_failed_parent="skip"
    )
    result = run(export).value
    assert len(result["failed_parents"]) == 20
    assert result["failed_parent_count"] == 30


@pytest.mark.parametrize("status", [500, 503])
def test_outage_fails_export_although_failed_parents_are_skipped(
    status: int, damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.jsonl"
    path.write_text("what was there")
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault(kind="status", status=status, path="/user/*/lesson_schedule")
    skipping = export_operator(path, "lesson_schedules", parent_ids=[1014, LIAM], on_failed_parent="skip")
    error_message(skipping, DamstraServerError)
    assert path.read_text() == "what was there"


def test_user_with_internal_error_is_skipped(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.jsonl"
    connect(extra={"max_retries": 0})
    listing = f"/user/{LIAM}/lesson_schedule"
    skipping = export_operator(path, "lesson_schedules", parent_ids=[1014, LIAM], on_failed_parent="skip")
    damstra_emulator.add_fault(kind="status", status=503, path=listing)
    error_message(skipping, DamstraServerError)
    damstra_emulator.clear_faults()
    damstra_emulator.add_fault(kind="status", status=500, path=listing)
    assert list(run(skipping).value["failed_parents"]) == [str(LIAM)]
    assert {row["userId"] for row in read_lines(path)} == {1014}


def test_row_that_is_no_object_is_named(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    body = {"results": [None], "meta": {"totalResultCount": 1}}
    damstra_emulator.add_fault(kind="status", status=200, body=body, path=f"/group/{CREW}/member")
    why = error_message(
        export_operator(tmp_path / "x", "group_members", parent_ids=[CREW]), DamstraResponseError
    )
    assert f"a row of group_members of group_id {CREW} is not an object." in why


def test_wrong_key_fails_although_failed_parents_are_skipped(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    connect(password="wrong")
    with pytest.raises(AirflowFailException, match="access key"):
        run(export_operator(tmp_path / "x", "lesson_schedules", parent_ids=[LIAM], on_failed_parent="skip"))
    assert list(tmp_path.iterdir()) == []
