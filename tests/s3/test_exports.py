"""Exports to an S3 server through Airflow's connection, the Amazon provider and s3fs."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraServerError
from airflow_provider_damstra.storage import StoragePath, TaskTry, atomic_open, atomic_write
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from tests.operators.task_runner import StateStore, fail_fast_message, run
from tests.transfers.export_operator import export_operator
from tests.transfers.export_process import kill, running_export
from tests.transfers.export_runs import ExportRuns
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory
    from tests.s3.server import S3Server

LIAM, LAST, CREW = 1012, 1030, 102
PART = 5 << 20


@pytest.mark.parametrize(
    ("file_format", "compression"), [("jsonl", None), ("csv", "gzip"), ("parquet", "zstd")]
)
def test_file_on_s3_equals_file_on_disk_also_when_replaced(
    file_format: str,
    compression: str | None,
    bucket: str,
    s3: S3Server,
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
) -> None:
    how: dict[str, Any] = {"file_format": file_format, "compression": compression}
    on_disk = run(export_operator(tmp_path / "users", **how)).value
    target = f"{bucket}/of 26+11:00/us#rs é.{file_format}"
    for _ in range(2):
        assert run(export_operator(target, **how)).value == {**on_disk, "uri": target}
        (name,) = s3.names("lake")
        assert name == f"of 26+11:00/us#rs é.{file_format}"
    assert s3.content("lake", name.replace("#", "%23")) == (tmp_path / "users").read_bytes()


def test_large_file_is_uploaded_in_parts_and_visible_when_complete(bucket: str, s3: S3Server) -> None:
    rows = [bytes([65 + number]) * (PART // 2) for number in range(5)]
    with atomic_open(f"{bucket}/users", task_try=TaskTry()) as file:
        # A separate thread writes rows while others are being sent.
        writer = threading.Thread(target=lambda: [file.write(one) for one in rows])
        writer.start()
        writer.join()
        assert s3.names("lake") == []
        assert s3.unfinished_uploads("lake") == [".users.-1.unfinished"]
    assert s3.names("lake") == ["users"]
    assert s3.content("lake", "users") == b"".join(rows)
    assert s3.unfinished_uploads("lake") == []


def test_failed_write_leaves_existing_file(bucket: str, s3: S3Server) -> None:
    atomic_write(f"{bucket}/users", b"before", task_try=TaskTry())
    with suppress(KeyError), atomic_open(f"{bucket}/users", task_try=TaskTry()) as file:
        file.write(b"x" * (PART + 1))
        raise KeyError
    assert s3.names("lake") == ["users"]
    assert s3.content("lake", "users") == b"before"
    assert s3.unfinished_uploads("lake") == []


def test_task_try_aborts_upload_of_killed_try(bucket: str, s3: S3Server) -> None:
    killed, other = (
        TaskTry(task=task).temporary_path(StoragePath(f"{bucket}/users")) for task in ("mine", "other")
    )
    files: list[Any] = [killed.create(), other.create()]
    for file in files:
        file.write(b"x" * (PART + 1))
    assert s3.unfinished_uploads("lake") == [killed.name, other.name]
    atomic_write(f"{bucket}/users", b"complete", task_try=TaskTry(task="mine", number=2))
    assert s3.unfinished_uploads("lake") == [other.name]
    assert s3.names("lake") == ["users"]
    for file in files:
        # Simulate the end of the process that had it open.
        file.closed = True


def test_retry_continues_export_of_users_from_a_file(
    bucket: str, s3: S3Server, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    run(export_operator(f"{bucket}/users.parquet", file_format="parquet"))
    connect(extra={"max_retries": 0})
    schedules = export_operator(
        f"{bucket}/schedules.jsonl",
        "lesson_schedules",
        parent_ids_path=f"{bucket}/users.parquet",
        max_concurrency=1,
    )
    kept = StateStore()
    damstra_emulator.add_fault("status", path=f"/user/{LAST}/lesson_schedule", status=500)
    with pytest.raises(DamstraServerError):
        run(schedules, max_tries=1, task_state_store=kept)
    assert any(".schedules.jsonl." in name for name in s3.names("lake"))
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    result = run(schedules, try_number=2, max_tries=1, task_state_store=kept).value
    assert damstra_emulator.journal("GET", f"/user/{LIAM}/lesson_schedule") == []
    assert damstra_emulator.journal("GET", f"/user/{LAST}/lesson_schedule") != []
    assert s3.names("lake") == ["schedules.jsonl", "users.parquet"]
    ids = [json.loads(line)["id"] for line in s3.content("lake", "schedules.jsonl").splitlines()]
    assert len(ids) == len(set(ids)) == result["rows"] > 0


@pytest.mark.parametrize("bucket", ["s3://lake_conn@lake"], indirect=True)
def test_retry_after_kill_leaves_only_the_file(
    bucket: str, s3: S3Server, damstra_emulator: DamstraEmulator
) -> None:
    arguments: dict[str, Any] = {
        "resource": "lesson_schedules",
        "target_path": f"{bucket}/schedules.jsonl",
    }
    damstra_emulator.add_fault("delay", delay=0.02)
    with running_export(damstra_emulator.connection_json, task_try=(1, 2), **arguments) as process:
        wait_until(lambda: len(damstra_emulator.journal()) > 20, "some pages have come")
        kill(process)
    assert "schedules.jsonl" not in s3.names("lake")
    damstra_emulator.clear_faults()
    result = run(DamstraExportOperator(task_id="export", **arguments), try_number=2, max_tries=1).value
    assert s3.names("lake") == ["schedules.jsonl"]
    assert hashlib.sha256(s3.content("lake", "schedules.jsonl")).hexdigest() == result["sha256"]


def test_incremental_export_finds_changed_and_deleted_rows(
    bucket: str, s3: S3Server, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    lake = ExportRuns(f"{bucket}/users")
    arguments: dict[str, Any] = {"resource": "group_members", "parent_ids": [CREW], "find_deleted": True}
    lake.export("one", day=1, **arguments)
    removed_id, *_ = lake.ids("one")
    api.send(f"/group/{CREW}/remove_members", userIds=[removed_id])
    second = lake.export("two", day=2, **arguments)
    assert (second["rows"], second["deleted"]) == (0, 1)
    assert json.loads(s3.content("lake", "users/two.jsonl.deleted.jsonl"))["id"] == removed_id


def test_training_matrix_is_written_to_s3(
    bucket: str, s3: S3Server, damstra_emulator: DamstraEmulator
) -> None:
    matrix = DamstraTrainingMatrixOperator(task_id="m", group_id=CREW, target_path=f"{bucket}/m.html")
    result = run(matrix).value
    assert hashlib.sha256(s3.content("lake", "m.html")).hexdigest() == result["sha256"]


def test_missing_bucket_is_rejected_and_not_created(
    bucket: str, s3: S3Server, damstra_emulator: DamstraEmulator
) -> None:
    target = f"{bucket.removesuffix('lake')}lakes/users.jsonl"
    why = fail_fast_message(export_operator(target))
    assert f"target_path '{target}' cannot be written: " in why
    assert "The specified bucket does not exist" in why
    assert s3.buckets() == ["lake"]
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    ("actions", "denied"),
    [
        (["s3:GetObject", "s3:ListBucket"], "PutObject"),
        (["s3:GetObject", "s3:ListBucket", "s3:PutObject"], "DeleteObject"),
        (["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"], None),
    ],
    ids=["reader", "no delete", "enough"],
)
def test_missing_right_is_named_before_first_request(
    actions: list[str],
    denied: str | None,
    s3: S3Server,
    connection_to: Callable[..., None],
    damstra_emulator: DamstraEmulator,
) -> None:
    below = {"Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::lake/damstra/*"}
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    # Airflow keeps what a connection reaches as long as the process lives.
    who = f"not_{denied}"
    connection_to(who, **s3.create_user(who, below, listing))
    export = export_operator(
        f"s3://{who}@lake/damstra/schedules.jsonl", "lesson_schedules", parent_ids=[LIAM]
    )
    s3.enforce_rights(True)
    try:
        if denied is None:
            assert run(export).value["rows"] > 0
            return
        assert f"AccessDenied) when calling the {denied} operation" in fail_fast_message(export)
    finally:
        s3.enforce_rights(False)
    assert damstra_emulator.journal() == []
