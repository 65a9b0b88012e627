"""Airflow assets and OpenLineage datasets of transfers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors
from sqlalchemy import create_engine

from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.lineage import file_location
from airflow_provider_damstra.transfers.sql_engine import table_location
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database


def export(path: Path | str, **arguments: Any) -> DamstraExportOperator:
    with DAG("nightly", schedule=None):
        return DamstraExportOperator(
            task_id="export", **{"resource": "groups", "target_path": str(path), **arguments}
        )


NO_DATES = {"logical_date": None, "run_after": None}


def emitted(operator: BaseOperator, **context: Any) -> OutletEventAccessors:
    events = OutletEventAccessors()
    run(operator, outlet_events=events, **context)
    return events


def test_file_asset_is_added_to_alias_of_task(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    operator = export(tmp_path / "my groups.jsonl")
    (alias,) = operator.outlets
    assert alias == AssetAlias("damstra/nightly/export")
    (event,) = emitted(operator)[alias].asset_alias_events
    assert event.dest_asset_key.uri == f"file://{tmp_path}/my%20groups.jsonl"
    assert (event.extra["rows"], event.extra["resource"]) == (7, "groups")
    facts = {"uri", "resource", "rows", "bytes", "sha256", "watermark"}
    assert set(event.extra) == {*facts, "logical_date", "run_after"}
    assert json.loads(json.dumps(event.extra)) == event.extra


DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    ["{{ ds }}.jsonl", "{{ params.lake }}/{{ dag_run.run_after.date() }}", "{% if ds %}{{ ds }}{% endif %}"],
)
def test_daily_export_has_one_asset_and_its_events_the_dates(
    name: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    operators, events = [export(f"{tmp_path}/{name}") for _ in range(2)], []
    for day, operator in enumerate(operators):
        time = DAY + timedelta(days=day)
        context = {"ds": f"{time:%Y-%m-%d}", "params": {"lake": "lake"}}
        accessors = emitted(operator, run_after=time, **context)
        events += accessors[operator.outlets[0]].asset_alias_events
    assert [event.dest_asset_key.name for event in events] == ["damstra/nightly/export"] * 2
    extras: list[dict[str, Any]] = [event.extra for event in events]
    assert [extra["logical_date"][:10] for extra in extras] == ["2026-03-01", "2026-03-02"]
    assert all(extra["run_after"][:10] in extra["uri"] for extra in extras)


def test_export_to_folder_in_params_has_asset_of_its_file(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    operator = export("{{ params.lake }}/groups.jsonl")
    (event,) = emitted(operator, params={"lake": str(tmp_path)})[operator.outlets[0]].asset_alias_events
    assert event.dest_asset_key.uri == f"file://{tmp_path}/groups.jsonl"


def test_declared_asset_gets_event_of_file(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    groups = Asset("groups_in_the_lake")
    operator = export(tmp_path / "groups.jsonl", outlets=[groups])
    assert operator.outlets == [groups]
    assert emitted(operator)[groups].extra["uri"] == str(tmp_path / "groups.jsonl")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("file:///lake/users.csv", ("file", "/lake/users.csv")),
        ("/lake/users.csv", ("file", "/lake/users.csv")),
        ("s3://bucket/a/users.csv", ("s3://bucket", "a/users.csv")),
        ("s3://a_connection@bucket/a/users.csv", ("s3://bucket", "a/users.csv")),
    ],
)
def test_file_location_has_no_connection_id(path: str, place: tuple[str, str]) -> None:
    assert file_location(path) == place


def lineage(operator: BaseOperator) -> Any:
    """Return what the OpenLineage provider gets of a task that is done."""
    return DefaultExtractor(operator).extract_on_complete(None)


def test_openlineage_receives_source_and_file(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    operator = export(tmp_path / "members.parquet", resource="group_members", file_format="parquet")
    result = run(operator).value
    datasets = lineage(operator)
    host = damstra_emulator.url.removeprefix("http://")
    assert [(one.namespace, one.name) for one in datasets.inputs] == [
        (f"damstra://{host}", "group_members"),
        (f"damstra://{host}", "groups"),
    ]
    (output,) = datasets.outputs
    assert (output.namespace, output.name) == ("file", str(tmp_path / "members.parquet"))
    fields = {field.name: field.type for field in output.facets["schema"].fields}
    assert (fields["group_id"], fields["created_date"]) == ("integer", "timestamp")
    statistics = output.outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size) == (result["rows"], result["bytes"])


def load(**arguments: Any) -> DamstraToSqlOperator:
    given = {"resource": "groups", "sql_conn_id": "warehouse", "table": "crews", **arguments}
    with DAG("nightly", schedule=None):
        return DamstraToSqlOperator(task_id="load", **given)


def test_table_asset_has_uri_of_airflow_provider(
    damstra_emulator: DamstraEmulator, on_postgresql: Database
) -> None:
    operator = load()
    (alias,) = operator.outlets
    assert alias == AssetAlias("damstra/nightly/load")
    (event,) = emitted(operator)[alias].asset_alias_events
    fields = on_postgresql.connection_fields()
    server = f"postgres://127.0.0.1:{fields['port']}"
    assert event.dest_asset_key.uri == f"{server}/{fields['schema']}/public/crews"
    facts = {"rows": 7, "inserted": 7, "updated": 0, "watermark": None}
    assert event.extra == {"table": "crews", "resource": "groups", **facts, **NO_DATES}
    (output,) = lineage(operator).outputs
    assert (output.namespace, output.name) == (server, f"{fields['schema']}.public.crews")
    assert output.outputFacets["outputStatistics"].rowCount == 7


def test_daily_table_has_one_asset(damstra_emulator: DamstraEmulator, on_sqlite: Database) -> None:
    operator = load(table="crews_{{ ds_nodash }}")
    (event,) = emitted(operator, ds_nodash="20260301")[operator.outlets[0]].asset_alias_events
    assert (event.dest_asset_key.name, event.extra["table"]) == ("damstra/nightly/load", "crews_20260301")


def test_declared_asset_gets_event_of_table(damstra_emulator: DamstraEmulator, on_sqlite: Database) -> None:
    crews = Asset("crews_in_the_warehouse")
    operator = load(outlets=[crews])
    assert emitted(operator)[crews].extra["inserted"] == 7
    path = on_sqlite.connection_fields()["host"]
    (output,) = lineage(operator).outputs
    assert (output.namespace, output.name) == ("sqlite://", f"{path}.crews")


@pytest.mark.parametrize(
    ("address", "schema", "place"),
    [
        ("postgresql://me:secret@host/db", None, ("postgres://host:5432", ("db", "public", "users"))),
        ("postgresql://host:1/db", "hr", ("postgres://host:1", ("db", "hr", "users"))),
        ("sqlite:////lake/w.db", None, ("sqlite://", ("/lake/w.db", "users"))),
    ],
)
def test_table_location_has_no_password(
    address: str, schema: str | None, place: tuple[str, tuple[str, ...]]
) -> None:
    engine = create_engine(address)
    engine.dialect.default_schema_name = "public"
    assert table_location(engine, schema=schema, table="users") == place


def test_task_without_output_reports_nothing(tmp_path: Path) -> None:
    assert lineage(export(tmp_path / "x")) is None
