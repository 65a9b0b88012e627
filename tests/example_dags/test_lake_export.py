"""The lake export: every resource's file holds what the API lists."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.http import Api
    from tests.example_dags.conftest import RunDag


def test_each_resource_has_its_file(run_dag: RunDag, api: Api, tmp_path: Path) -> None:
    run = run_dag("example_damstra_lake_export", lake=tmp_path.as_uri())
    assert run.succeeded()
    files = {path.name.partition(".")[0]: path for path in tmp_path.rglob("*.jsonl.gz")}
    resources = {"users", "lessons", "ilt_sessions", "group_members", "lesson_schedules"}
    assert files.keys() == resources
    for resource in resources:
        lines = gzip.decompress(files[resource].read_bytes()).splitlines()
        result = run.returned[f"export_{resource}"]
        assert len(lines) == result["rows"] > 0
        assert result["failed_parents"] == {}
    users = [json.loads(line) for line in gzip.decompress(files["users"].read_bytes()).splitlines()]
    assert users == api.read("/user?startIndex=0&maxResults=100")["results"]
