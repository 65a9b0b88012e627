"""The lake export: full files, and only new lesson schedules since the previous run."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from pyarrow import parquet

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_lake_export"
LIAM, AROHA, HAUL_TRUCKS = 1011, 1014, 2006


def schedules(path: Path) -> list[dict[str, Any]]:
    (file,) = path.rglob("lesson_schedules.jsonl.gz")
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def test_second_run_exports_only_new_schedules(
    run_dag: RunDag, api: ApiClient, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    first = run_dag(DAG_ID, lake=tmp_path.as_uri())
    assert first.succeeded()
    files = {path.stem: path for path in tmp_path.rglob("*.parquet")}
    assert files.keys() == {"users", "lessons", "ilt_sessions", "group_members"}
    for resource, path in files.items():
        assert parquet.read_metadata(path).num_rows == first.returned[f"export_{resource}"]["rows"] > 0
    users = api.get_json("/user?startIndex=0&maxResults=100")["results"]
    assert parquet.read_table(files["users"])["id"].to_pylist() == [user["id"] for user in users]
    whole = first.returned["export_lesson_schedules"]
    assert len(schedules(tmp_path)) == whole["rows"] > 0
    assert (whole["failed_parents"], whole["deleted"]) == ({}, 0)
    assert "kept in the store of asset damstra/damstra_default/lesson_schedules" in first.log

    added = api.schedule(LIAM, HAUL_TRUCKS)
    second = run_dag(DAG_ID, lake=tmp_path.as_uri())
    assert second.succeeded()
    assert [row["id"] for row in schedules(tmp_path)] == [added]
    assert second.returned["export_lesson_schedules"]["watermark"] > whole["watermark"]

    refreshed = run_dag(DAG_ID, lake=tmp_path.as_uri(), full_refresh=True)
    assert refreshed.succeeded()
    assert refreshed.returned["export_lesson_schedules"]["rows"] == whole["rows"] + 1
