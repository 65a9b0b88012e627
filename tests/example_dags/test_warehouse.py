"""The warehouse: on a real PostgreSQL, the table of each resource has the rows of the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.airflow_process import AirflowProcess
    from tests.postgresql import PostgreSQL

CREW = 102


def test_each_resource_is_loaded_into_its_table(
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
        for task, result in run.returned.items():
            assert result["table"] == f"training.damstra_{task.removeprefix('load_')}"
            assert result["inserted"] == result["rows"] > 0
            assert result["failed_parents"] == {}
        users = warehouse.execute("SELECT id, user_name FROM training.damstra_users ORDER BY id").fetchall()
        crew = "SELECT id FROM training.damstra_group_members WHERE group_id = %s ORDER BY id"
        members = [row[0] for row in warehouse.execute(crew, [CREW]).fetchall()]
    all_users = api.get_json("/user?startIndex=0&maxResults=100")["results"]
    assert users == [(user["id"], user["userName"]) for user in all_users]
    assert members == [user["id"] for user in api.get_json(f"/group/{CREW}/member?maxResults=100")["results"]]
