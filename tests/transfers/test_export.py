"""Exports: the content of the file, and arguments that are rejected."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import ObjectStoragePath
from pyarrow import parquet

from airflow_provider_damstra import extras
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.transfers.base import RESOURCE_NAMES
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.input_files.readers import as_excel
from tests.operators.task_runner import fail_fast_message, run
from tests.transfers.export_operator import export_operator, read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

LIAM, CREW = 1012, 102


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def listed(api: ApiClient, path: str, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get_json(path, startIndex=0, maxResults=100, **query)["results"]
    return rows


@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_export_writes_all_rows_unchanged_and_in_order(
    page_size: int, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "users.jsonl"
    result = run(export_operator(path, page_size=page_size)).value
    assert read_lines(path) == listed(api, "/user", activeValue="all")
    content = path.read_bytes()
    assert result == {
        "uri": str(path),
        "rows": len(read_lines(path)),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "failed_parents": {},
        "failed_parent_count": 0,
        "watermark": None,
    }
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("filters", "given"),
    [
        (None, "all"),
        ({"active_value": None}, "all"),
        ({"activeValue": "inactive"}, "inactive"),
        ({"active_value": "active"}, "active"),
    ],
)
def test_users_are_exported_whether_active_or_not_unless_filtered(
    filters: dict[str, Any] | None,
    given: str,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    run(export_operator(tmp_path / "users.jsonl", filters=filters))
    expected = listed(api, "/user", activeValue=given)
    assert read_lines(tmp_path / "users.jsonl") == expected
    statuses = {"all": {56, 57}, "active": {56}, "inactive": {57}}[given]
    assert {user["clientStatusId"] for user in expected} == statuses


def test_schedules_of_inactive_users_are_exported_unless_filtered(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    api.send(f"/user/{LIAM}/inactivate")
    found = {}
    for name, filters in (("all", {}), ("active", {"active_value": "active"})):
        run(export_operator(tmp_path / name, "lesson_schedules", parent_filters=filters))
        found[name] = {row["userId"] for row in read_lines(tmp_path / name)}
    assert LIAM in found["all"] - found["active"]


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_every_resource_can_be_exported(
    resource: str, file_format: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    result = run(export_operator(path, resource, file_format=file_format)).value
    found = {"jsonl": read_lines, "csv": table, "parquet": parquet_rows}[file_format](path)
    assert len(found) == result["rows"] > 0


def test_group_members_have_group_id(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "members.jsonl"
    run(export_operator(path, "group_members"))
    groups = [group["id"] for group in listed(api, "/group")]
    members = {one: listed(api, f"/group/{one}/member") for one in groups}
    # Rows of one group are in order; those of several groups are interleaved.
    found: dict[int, list[dict[str, Any]]] = {one: [] for one in groups}
    for row in read_lines(path):
        found[row.pop("groupId")].append(row)
    assert found == members


def test_parent_ids_and_filters_restrict_rows(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "due.jsonl"
    run(export_operator(path, "lesson_schedules", parent_ids=f"{LIAM},1014", filters={"status": "due"}))
    assert {row["status"] for row in read_lines(path)} == {"due"}
    assert {row["userId"] for row in read_lines(path)} <= {LIAM, 1014}
    assert damstra_emulator.journal("GET", "/user") == []


def test_parent_filters_restrict_parents(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "crew.jsonl"
    run(export_operator(path, "group_members", parent_filters={"q": "Pit Crew A"}))
    assert {row["groupId"] for row in read_lines(path)} == {CREW}


def test_csv_reads_back(damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    run(export_operator(path, file_format="csv"))
    rows = table(path)
    assert [(row["id"], row["last_name"]) for row in rows] == [
        (str(user["id"]), user["lastName"]) for user in listed(api, "/user", activeValue="all")
    ]
    assert {row["other_members"] for row in rows} == {""}


def test_parquet_has_rows_of_json_lines(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    run(export_operator(tmp_path / "lines"))
    result = run(export_operator(tmp_path / "parquet", file_format="parquet", compression="zstd")).value
    rows = parquet_rows(tmp_path / "parquet")
    assert [row["id"] for row in rows] == [user["id"] for user in read_lines(tmp_path / "lines")]
    assert [json.loads(row["roles"]) for row in rows] == [
        user["roles"] for user in read_lines(tmp_path / "lines")
    ]
    assert result["sha256"] == hashlib.sha256((tmp_path / "parquet").read_bytes()).hexdigest()


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_file_on_object_storage_equals_file_on_disk(
    file_format: str, lake: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    on_disk = run(export_operator(tmp_path / "users", file_format=file_format)).value
    in_lake = run(export_operator(f"{lake}/users", file_format=file_format)).value
    assert in_lake == {**on_disk, "uri": f"{lake}/users"}
    assert ObjectStoragePath(f"{lake}/users").read_bytes() == (tmp_path / "users").read_bytes()
    assert [path.name for path in ObjectStoragePath(lake).iterdir()] == ["users"]


def test_missing_extra_is_named_before_first_request(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    why = fail_fast_message(export_operator(tmp_path / "x", file_format="parquet"))
    assert why == (
        "file_format 'parquet' needs pyarrow, which this worker does not have: "
        "pip install 'airflow-provider-damstra[parquet]'"
    )
    assert damstra_emulator.journal() == []


def test_gzip_file_is_reproducible(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    plain, packed = tmp_path / "users.jsonl", tmp_path / "users.jsonl.gz"
    run(export_operator(plain))
    first, second = (run(export_operator(packed, compression="gzip")).value for _ in range(2))
    assert first == second
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert first["sha256"] == hashlib.sha256(packed.read_bytes()).hexdigest()
    assert first["bytes"] == packed.stat().st_size


def test_parent_ids_are_read_from_file_of_another_export(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    users = tmp_path / "users.csv.gz"
    run(export_operator(users, filters={"q": "Liam"}, file_format="csv", compression="gzip"))
    found = csv.DictReader(io.StringIO(gzip.decompress(users.read_bytes()).decode()))
    damstra_emulator.clear_journal()
    export = export_operator(tmp_path / "schedules.jsonl", "lesson_schedules", parent_ids_path=str(users))
    run(export)
    of = {row["userId"] for row in read_lines(tmp_path / "schedules.jsonl")}
    assert of == {int(row["id"]) for row in found}
    workbook = tmp_path / "people.xlsx"
    workbook.write_bytes(as_excel([["name", "user_id"], *(["", user_id] for user_id in of)]))
    run(export_operator(tmp_path / "more.jsonl", "lesson_schedules", parent_ids_path=str(workbook)))
    assert read_lines(tmp_path / "more.jsonl") == read_lines(tmp_path / "schedules.jsonl")
    again = export_operator(
        tmp_path / "again.jsonl",
        "lesson_schedules",
        parent_ids_path=str(tmp_path / "schedules.jsonl"),
        parent_ids_column="userId",
    )
    run(again)
    assert read_lines(tmp_path / "again.jsonl") == read_lines(tmp_path / "schedules.jsonl")
    assert damstra_emulator.journal("GET", "/user") == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"resource": "{{ 'user' }}"}, "there is no resource 'user'; there are users, groups"),
        (
            {"filters": {"status": "active"}},
            "users have no filter 'status'; they have q, emp_id, email_address, role_id, active_value",
        ),
        (
            {"resource": "group_members", "filters": {"group_id": 101}},
            "filters: group_members have no filter 'group_id'; they have none; parent_filters selects groups",
        ),
        (
            {"resource": "group_members", "parent_filters": {"name": "Pit"}},
            "parent_filters: groups have no filter 'name'; they have q",
        ),
        ({"filters": "q=smith"}, "filters is a str, not names and values"),
        ({"parent_ids": [1]}, "users is one listing: it takes no parent_ids"),
        ({"resource": "lesson_schedules", "parent_ids": []}, "parent_ids: it is empty"),
        ({"resource": "lesson_schedules", "parent_ids": [1], "parent_filters": {"q": "a"}}, "not both"),
        (
            {"resource": "lesson_schedules", "parent_ids_path": "/nowhere.csv"},
            "parent_ids_path '/nowhere.csv' c",
        ),
        ({"resource": "lesson_schedules", "parent_ids_path": __file__}, "test_export.py: no id in line 1, "),
        ({"resource": "lesson_schedules", "parent_ids_path": "/x", "parent_ids": 1}, "not both"),
        ({"parent_ids_path": __file__}, "no id in"),
        ({"target_path": "/tmp/"}, "it is the path or URL of a file"),  # noqa: S108 (nothing is written)
    ],
    ids=str,
)
def test_invalid_argument_fails_before_first_request(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    whole = {"resource": "users", "target_path": str(tmp_path / "x"), **arguments}
    assert why in fail_fast_message(DamstraExportOperator(task_id="export", **whole))
    assert damstra_emulator.journal() == []


def test_resource_names_of_operators_are_those_of_exports() -> None:
    assert set(RESOURCE_NAMES) == set(RESOURCES)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"resource": "user"}, "resource is 'user'; it can be users or groups or group_members or "),
        ({"file_format": "xml"}, "file_format is 'xml'; it can be jsonl or csv or parquet"),
        ({"compression": "rar"}, "compression is 'rar'; it can be gzip or zstd"),
        ({"parent_ids_encoding": "latin-99"}, "parent_ids_encoding is 'latin-99'; it is the name of an"),
        ({"parent_ids_delimiter": ", "}, "parent_ids_delimiter is ', '; it is one character"),
        ({"on_failed_parent": "ignore"}, "on_failed_parent is 'ignore'; it can be fail or skip"),
        ({"max_concurrency": 0}, "max_concurrency is 0; it is a number of at least 1"),
        ({"max_concurrency": float("inf")}, "max_concurrency is inf; it is a number of at least 1"),
        ({"page_size": 1.5}, "page_size is 1.5; it is a whole number"),
        ({"page_size": "big"}, "page_size is 'big'; it is a number of at least 1"),
    ],
    ids=str,
)
def test_invalid_argument_is_rejected_at_parse_time(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        export_operator("x", **arguments)
