"""Exports and loads from which columns are hidden: nothing that they write contains a hidden value."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow.sdk.execution_time.context import OutletEventAccessors
from pyarrow import parquet

from airflow_provider_damstra.endpoints import RemoveGroupMembers, UpdateUser
from airflow_provider_damstra.errors import DamstraServerError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.operators.task_runner import error_message, fail_fast_message, run
from tests.transfers.export_operator import export_operator, read_lines
from tests.transfers.export_runs import ExportRuns
from tests.transfers.hidden_columns import AROHA, CREW, KEY, LIAM, NAMES, hashed, people
from tests.transfers.variables import Variables

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory


@pytest.fixture(autouse=True)
def _hash_key(connect: ConnectionFactory) -> None:
    connect(extra={"hash_key": f" {KEY}\n", "max_retries": 0})


def written(folder: Path) -> bytes:
    """Return the content of all files below a folder, decompressed, and their names."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = [path.read_bytes() for path in files]
    unpacked = [gzip.decompress(one) if one.startswith(b"\x1f\x8b") else one for one in contents]
    return b"\n".join([*unpacked, *(str(path.relative_to(folder)).encode() for path in files)])


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_no_output_of_an_export_contains_a_hidden_value(
    file_format: str, api: ApiClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, events = tmp_path / f"users.{file_format}", OutletEventAccessors()
    operator = export_operator(
        path,
        file_format=file_format,
        exclude_columns=NAMES["users"],
        hash_columns=["employee_number"],
    )
    result = run(operator, outlet_events=events)
    (event,) = events[operator.outlets[0]].asset_alias_events
    lineage = DefaultExtractor(operator).extract_on_complete(None)
    shown = f"{caplog.text} {result} {event} {lineage}"
    output = written(tmp_path)
    if file_format == "parquet":
        output = str(parquet.read_table(path).to_pylist()).encode()
    for user in people(api):
        for name in ("firstName", "lastName", "userName", "emailAddress", "employeeNumber"):
            value = str(user[name])
            assert not user[name] or value.encode() not in output, name
            assert not user[name] or len(value) < 5 or value not in shown, name
        if user["employeeNumber"]:
            assert hashed(user["employeeNumber"]).encode() in output
    assert KEY not in shown
    assert lineage is not None
    (target,) = lineage.outputs
    fields = {field.name: field.type for field in target.facets["schema"].fields}
    assert fields.keys().isdisjoint({"first_name", "last_name", "user_name", "email_address"})
    assert fields["employee_number"] == "text"


def test_hashes_join_rows_of_different_resources_formats_and_types(api: ApiClient, tmp_path: Path) -> None:
    users, schedules = tmp_path / "users.parquet", tmp_path / "schedules.jsonl"
    run(export_operator(users, file_format="parquet", hash_columns=["id"]))
    run(export_operator(schedules, "lesson_schedules", hash_columns=["userId"], parent_ids=[LIAM, AROHA]))
    of_users = set(parquet.read_table(users)["id"].to_pylist())
    of_schedules = {row["userId"] for row in read_lines(schedules)}
    assert of_schedules == {hashed(LIAM), hashed(AROHA)}
    assert of_schedules < of_users == {hashed(user["id"]) for user in people(api)}


def test_checkpoint_has_reduced_rows_from_which_a_retry_continues(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    export = export_operator(
        tmp_path / "schedules.jsonl",
        "lesson_schedules",
        parent_ids=[AROHA, LIAM],
        max_concurrency=1,
        exclude_columns=NAMES["lesson_schedules"],
    )
    complete = tmp_path / "complete.jsonl"
    run(export_operator(complete, "lesson_schedules", parent_ids=[AROHA, LIAM]))
    names = {row["userFirstName"] for row in read_lines(complete)} | {
        row["userLastName"] for row in read_lines(complete)
    }
    expected = {row["id"] for row in read_lines(complete)}
    complete.unlink()
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    with pytest.raises(DamstraServerError):
        run(export, max_tries=1)
    kept = written(tmp_path)
    assert f'"userId":{AROHA}'.encode() in kept
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    run(export, try_number=2, max_tries=1)
    assert damstra_emulator.journal(path=f"/user/{AROHA}/lesson_schedule") == []
    assert {row["id"] for row in read_lines(tmp_path / "schedules.jsonl")} == expected
    for name in names:
        assert name.encode() not in kept + written(tmp_path)


IDS = ["userId", "lessonCompletedBy"]


@pytest.mark.parametrize("hiding", [{"hash_columns": IDS}, {"exclude_columns": IDS}])
def test_hidden_ids_are_in_no_checkpoint_and_no_result(
    hiding: dict[str, Any],
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "schedules.jsonl"
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": [AROHA, LIAM], **hiding}
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    is_hashed = "hash_columns" in hiding
    with pytest.raises(DamstraServerError):
        run(export_operator(path, **arguments), max_tries=1)
    assert any(tmp_path.iterdir()) == is_hashed
    assert not re.search(rb"\b(%d|%d)\b" % (AROHA, LIAM), written(tmp_path))
    caplog.clear()
    result = run(export_operator(path, on_failed_parent="skip", **arguments)).value
    assert list(result["failed_parents"]) == ([hashed(LIAM)] if is_hashed else [])
    assert result["failed_parent_count"] == 1
    output = "".join(capfd.readouterr()) + caplog.text
    # With Airflow 3.0, the message is in both outputs.
    [left_out] = {line.partition("user_id ")[2] for line in output.splitlines() if "was left out" in line}
    assert str(LIAM) not in left_out + str(result["failed_parents"])
    assert {row.get("userId") for row in read_lines(path)} == {hashed(AROHA) if is_hashed else None}


@pytest.mark.parametrize("hidden", [["user_id", "lesson_completed_by"], ["id"]])
def test_retry_continues_from_checkpoint_with_hashed_ids(
    hidden: list[str], damstra_emulator: DamstraEmulator, lake: str
) -> None:
    arguments: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": [AROHA, 1011, LIAM]}
    runs = ExportRuns(lake)
    expected = runs.export("complete", incremental=False, **arguments)["rows"]
    arguments |= {"hash_columns": hidden, "incremental": False, "target_path": str(runs.folder / "x.jsonl")}
    damstra_emulator.add_fault(kind="status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    with pytest.raises(DamstraServerError):
        run(runs.operator(max_concurrency=1, **arguments), max_tries=1, run_id="try")
    kept = b"\n".join(path.read_bytes() for path in runs.folder.glob(".*.checkpoint/*"))
    assert hashed(AROHA if "user_id" in hidden else 30004).encode() in kept
    assert ("user_id" in hidden) == (not re.search(rb"\b(%d|1011)\b" % AROHA, kept))
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    result = run(runs.operator(**arguments), try_number=2, max_tries=1, run_id="try").value
    assert {entry["path"] for entry in damstra_emulator.journal()} == {f"/user/{LIAM}/lesson_schedule"}
    rows = runs.rows("x.jsonl")
    assert result["rows"] == expected == len({row["id"] for row in rows})


@pytest.fixture
def runs(lake: str, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> ExportRuns:
    Variables().install(monkeypatch)
    return ExportRuns(lake)


def test_incremental_export_compares_hashed_ids(runs: ExportRuns, api: ApiClient) -> None:
    arguments: dict[str, Any] = {
        "resource": "group_members",
        "parent_ids": [CREW],
        "find_deleted": True,
        "hash_columns": ["group_id", "id", "user_name"],
    }
    members = runs.export("first", **arguments)["rows"]
    assert members > 0
    assert runs.export("second", **arguments)["rows"] == 0
    gone, *others = [row["id"] for row in api.get_json(f"/group/{CREW}/member")["results"]]
    DamstraHook().call(RemoveGroupMembers(group_id=CREW, user_ids=[gone]))
    third = runs.export("third", **arguments)
    assert (third["rows"], third["deleted"]) == (0, 1)
    assert runs.rows("third.jsonl.deleted.jsonl") == [{"groupId": hashed(CREW), "id": hashed(gone)}]
    snapshots = [runs.folder / name for name in runs.hidden() if name.endswith(".versions.gz")]
    versions = "".join(gzip.decompress(snapshot.read_bytes()).decode() for snapshot in snapshots)
    assert all(f'["{hashed(CREW)}","{hashed(other)}"]\t' in versions for other in others)
    key = re.compile(r'\["[0-9a-f]{64}","[0-9a-f]{64}"\]\t')
    assert all(key.match(line) for line in versions.splitlines())
    changed = {**arguments, "hash_columns": ["id"]}
    assert runs.export("fourth", **changed)["rows"] == members - 1


def test_without_modified_date_a_row_is_changed_if_a_visible_column_is(
    runs: ExportRuns, api: ApiClient
) -> None:
    arguments: dict[str, Any] = {"resource": "users", "exclude_columns": ["modified_date", "last_name"]}
    first = runs.export("first", **arguments)
    assert first["watermark"] is None
    user = {**api.get_json(f"/user/{LIAM}"), "userId": LIAM}
    for name in ("id", "clientStatusId", "createdDate", "modifiedDate"):
        del user[name]
    DamstraHook().call(UpdateUser.model_validate({**user, "lastName": "Hidden"}))
    assert runs.export("second", **arguments)["rows"] == 0
    DamstraHook().call(UpdateUser.model_validate({**user, "firstName": "Visible"}))
    runs.export("third", **arguments)
    assert runs.ids("third") == [LIAM]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            {"exclude_columns": ["id"], "incremental": True},
            "id identifies rows, which incremental needs: hash it",
        ),
        ({"exclude_columns": ["id"], "find_deleted": True}, "which find_deleted needs"),
        (
            {"resource": "group_members", "exclude_columns": ["groupId"], "find_deleted": True},
            "group_id identifies rows",
        ),
        ({"exclude_columns": ["emial_address"]}, "(did you mean email_address?); they have id, user_name"),
        ({"exclude_columns": ["id"], "hash_columns": ["id"]}, "both have id"),
    ],
)
def test_impossible_export_fails_before_the_first_request(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert why in fail_fast_message(export_operator(tmp_path / "x", **arguments))
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("value", ["users", ["id", ""], [1], ["id", "id"], None])
@pytest.mark.parametrize("name", ["exclude_columns", "hash_columns"])
def test_value_that_is_no_list_of_names_is_rejected_when_the_dag_file_is_parsed(
    name: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=f"^{name} is "):
        export_operator("x", **{name: value})


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (None, "needs its extra hash_key, a secret of"),
        ("", "needs its extra"),
        (KEY[1:], "fewer than 32 char"),
    ],
)
def test_missing_or_short_key_fails_before_the_first_request(
    key: str | None, why: str, connect: ConnectionFactory, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    connect(extra={"hash_key": key})
    message = error_message(export_operator(tmp_path / "x", hash_columns=["id"]))
    assert why in message
    assert KEY[1:] not in message
    assert damstra_emulator.journal() == []


def test_excluding_needs_no_key(connect: ConnectionFactory, tmp_path: Path) -> None:
    connect(extra={"hash_key": None})
    path = tmp_path / "users.jsonl"
    assert run(export_operator(path, exclude_columns=["id"])).value["rows"] == len(read_lines(path)) > 0
    assert not any("id" in row for row in read_lines(path))


def test_file_without_hidden_columns_is_what_the_server_sent(api: ApiClient, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    run(export_operator(path, exclude_columns=[], hash_columns=()))
    assert [json.dumps(row) for row in read_lines(path)] == [json.dumps(user) for user in people(api)]
