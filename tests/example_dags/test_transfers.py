"""Example DAGs with transfers: the lake export, the warehouse on a real PostgreSQL, the training matrix."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from pyarrow import parquet

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.airflow_process import AirflowProcess
    from tests.example_dags.conftest import RunDag
    from tests.postgresql import PostgreSQL

LAKE_EXPORT, TRAINING_MATRIX = "example_damstra_lake_export", "example_damstra_training_matrix"
LIAM, HAUL_TRUCKS, CREW = 1011, 2006, 102


def schedules(path: Path) -> list[dict[str, Any]]:
    (file,) = path.rglob("lesson_schedules.jsonl.gz")
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def test_second_lake_export_has_only_new_schedules(
    run_dag: RunDag, api: ApiClient, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    first = run_dag(LAKE_EXPORT, lake=tmp_path.as_uri())
    assert first.succeeded()
    files = {path.stem: path for path in tmp_path.rglob("*.parquet")}
    assert files.keys() == {"users", "lessons", "ilt_sessions", "group_members"}
    for resource, path in files.items():
        assert parquet.read_metadata(path).num_rows == first.returned[f"export_{resource}"]["rows"] > 0
    users = api.get_json("/user?activeValue=all&startIndex=0&maxResults=100")["results"]
    assert parquet.read_table(files["users"])["id"].to_pylist() == [user["id"] for user in users]
    whole = first.returned["export_lesson_schedules"]
    assert len(schedules(tmp_path)) == whole["rows"] > 0
    assert (whole["failed_parents"], whole["deleted"]) == ({}, 0)
    assert "kept in the store of asset damstra/damstra_default/lesson_schedules" in first.log

    added = api.schedule(LIAM, HAUL_TRUCKS)
    second = run_dag(LAKE_EXPORT, lake=tmp_path.as_uri())
    assert second.succeeded()
    assert [row["id"] for row in schedules(tmp_path)] == [added]
    assert second.returned["export_lesson_schedules"]["watermark"] > whole["watermark"]

    refreshed = run_dag(LAKE_EXPORT, lake=tmp_path.as_uri(), full_refresh=True)
    assert refreshed.succeeded()
    assert refreshed.returned["export_lesson_schedules"]["rows"] == whole["rows"] + 1


def test_training_matrix_is_written_and_overdue_users_listed(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    damstra_emulator.clear_journal()
    run = run_dag(TRAINING_MATRIX, folder=tmp_path.as_uri())
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


def test_warehouse_has_a_table_for_each_resource(
    airflow: AirflowProcess,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    postgresql: PostgreSQL,
    database: str,
) -> None:
    connections = {
        "damstra_default": damstra_emulator.connection_json,
        "postgres_default": json.dumps(postgresql.connection_fields(database)),
    }
    with postgresql.connected(database) as warehouse:
        warehouse.execute("CREATE SCHEMA training")
        run = airflow.run("example_damstra_warehouse", {"schema": "training"}, connections=connections)
        assert run.succeeded()
        views = run.returned.pop("create_views")
        for task, result in run.returned.items():
            assert result["table"] == f"training.damstra_{task.removeprefix('load_')}"
            assert result["inserted"] == result["rows"] > 0
            assert result["failed_parents"] == {}
        users = warehouse.execute("SELECT id, user_name FROM training.damstra_users ORDER BY id").fetchall()
        for view in views:
            [[count]] = warehouse.execute(f"SELECT count(*) FROM {view}".encode()).fetchall()  # noqa: S608
            assert count > 0
        crew = "SELECT id FROM training.damstra_group_members WHERE group_id = %s ORDER BY id"
        members = [row[0] for row in warehouse.execute(crew, [CREW]).fetchall()]
    all_users = api.get_json("/user?activeValue=all&startIndex=0&maxResults=100")["results"]
    assert users == [(user["id"], user["userName"]) for user in all_users]
    assert members == [user["id"] for user in api.get_json(f"/group/{CREW}/member?maxResults=100")["results"]]
