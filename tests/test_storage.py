"""Atomic writes on local disks and object storage, also by several concurrent tasks."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io.store import attach

from airflow_provider_damstra.storage import (
    StoragePath,
    TaskTry,
    atomic_open,
    atomic_write,
    open_for_reading,
    validate_writable_path,
)
from tests.conftest import ObjectStorage

if TYPE_CHECKING:
    from airflow.sdk import Context


LOOP, NO_REGION = UUID(int=7), UUID(int=0)


def task_try(task_id: str = "export", *, number: int = 1, map_index: int = -1, **region: Any) -> TaskTry:
    """Return a task try; Airflow gives each its own id."""
    names = {"dag_id": "dag", "task_id": task_id, "run_id": "run", "map_index": map_index}
    ti = SimpleNamespace(**names, try_number=number, id=uuid4(), **region)
    return TaskTry.of(cast("Context", {"ti": ti}))


@pytest.fixture(params=["disk", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, lake: str) -> str:
    """Return a folder in which files can be written, as a URL."""
    return str(tmp_path) if request.param == "disk" else lake


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in ObjectStoragePath(folder).iterdir())


def test_atomic_open_creates_file_when_block_ends(folder: str) -> None:
    path = f"{folder}/new/users.jsonl"
    with atomic_open(path, task_try=task_try()) as file:
        file.write(b"one\n")
        assert not ObjectStoragePath(path).exists()
    assert ObjectStoragePath(path).read_bytes() == b"one\n"
    assert names_in(f"{folder}/new") == ["users.jsonl"]


def test_relative_path_is_below_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic_write("new/users.jsonl", b"one\n", task_try=task_try())
    assert (tmp_path / "new" / "users.jsonl").read_bytes() == b"one\n"
    with open_for_reading("users_path", "new/users.jsonl") as file:
        assert file.read() == b"one\n"
    assert str(StoragePath("users.jsonl")) == str(tmp_path / "users.jsonl")


def test_atomic_open_keeps_existing_file_when_block_fails(folder: str) -> None:
    path = f"{folder}/users.jsonl"
    atomic_write(path, b"before", task_try=task_try())
    with suppress(KeyError), atomic_open(path, task_try=task_try()) as file:
        file.write(b"part of")
        raise KeyError
    assert ObjectStoragePath(path).read_bytes() == b"before"
    assert names_in(folder) == ["users.jsonl"]


@pytest.mark.parametrize("iterations", [[None], [None, None], [0, 1], [1, 1]], ids=str)
def test_tries_belong_to_one_task_only_in_one_iteration_of_a_loop(iterations: list[int | None]) -> None:
    regions: list[dict[str, Any]] = [
        {} if i is None else {"region_id": LOOP, "region_index": i} for i in iterations
    ]
    tasks = [task_try(number=number, **region).task for number, region in enumerate(regions, start=1)]
    assert len(set(tasks)) == len(set(iterations))


@pytest.mark.parametrize("region", [{}, {"region_id": NO_REGION, "region_index": -1}], ids=["3.3", "3.4"])
def test_task_without_region_keeps_its_temporary_files_when_airflow_is_updated(
    region: dict[str, Any],
) -> None:
    assert task_try(**region).task == task_try().task == "566cf5108a93"


@pytest.mark.parametrize(
    "other",
    [task_try("other"), task_try(number=2), task_try(map_index=1), task_try(region_id=LOOP, region_index=0)],
    ids=["task", "try", "map index", "iteration"],
)
def test_concurrent_writers_of_one_path_do_not_interfere(folder: str, other: TaskTry) -> None:
    path = f"{folder}/users.jsonl"
    with atomic_open(path, task_try=other) as file:
        file.write(b"the other's ")
        atomic_write(path, b"mine", task_try=task_try())
        assert ObjectStoragePath(path).read_bytes() == b"mine"
        file.write(b"file")
    assert ObjectStoragePath(path).read_bytes() == b"the other's file"


def test_task_try_removes_temporary_files_of_killed_tries_of_same_task(folder: str) -> None:
    target = StoragePath(f"{folder}/users.jsonl")
    for dead in (task_try(), task_try(number=2), task_try("other")):
        dead.temporary_path(target).write_bytes(b"partial")
    atomic_write(str(target), b"complete", task_try=task_try(number=3))
    assert names_in(folder) == [task_try("other").temporary_path(target).name, "users.jsonl"]


def test_atomic_open_does_not_open_file_created_at_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "url"
    planted = Path(task_try().temporary_path(StoragePath(str(target))).path)
    monkeypatch.setattr(StoragePath, "unlink", lambda path: planted.touch())
    with (
        pytest.raises(OSError, match=f"^{target} cannot be written: .*File exists"),
        atomic_open(str(target), task_try=task_try()),
    ):
        pass
    assert not target.exists()


def test_validate_writable_path_rejects_read_only_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Any = str(tmp_path / "new" / "users.jsonl")
    validate_writable_path("target_path", path, task_try=task_try())
    # The user that runs this test may be root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=f"this process may not write into {tmp_path}$"):
        validate_writable_path("target_path", path, task_try=task_try())


class ReadOnlyStorage(ObjectStorage):
    """Object storage that denies writes."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        raise PermissionError("Access Denied")


class AzureError(Exception):
    """An exception type that only one file system raises."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class UnreachableStorage(ObjectStorage):
    """Object storage that does not respond."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        raise AzureError("no response")


class MissingContainerStorage(ObjectStorage):
    """Object storage whose error has a status code and several lines."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        raise AzureError("The specified container does not exist.\nRequestId: 1", status_code=404)


def test_validate_writable_path_rejects_read_only_object_storage(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{lake}/users.jsonl"
    validate_writable_path("target_path", path, task_try=task_try())
    assert not ObjectStoragePath(path).exists()
    monkeypatch.setattr(attach("memory"), "fs", ReadOnlyStorage())
    with pytest.raises(ValueError, match=f"^target_path '{path}' cannot be written: Access Denied$"):
        validate_writable_path("target_path", path, task_try=task_try())


def test_unreachable_storage_is_retryable(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach("memory"), "fs", UnreachableStorage())
    with pytest.raises(OSError, match=r"^target_path 'memory://.*' cannot be written: no response$"):
        validate_writable_path("target_path", f"{lake}/users.jsonl", task_try=task_try())


def test_error_with_permanent_status_is_not_retryable_and_shows_first_line(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach("memory"), "fs", MissingContainerStorage())
    with pytest.raises(ValueError, match=r"cannot be written: The specified container does not exist\.$"):
        validate_writable_path("target_path", f"{lake}/users.jsonl", task_try=task_try())


@pytest.mark.parametrize("name", ["users [1].jsonl", "users?.jsonl", "20*/users.jsonl"])
def test_glob_characters_are_rejected_on_object_storage_only(name: str, lake: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="for a pattern"):
        validate_writable_path("target_path", f"{lake}/{name}", task_try=task_try())
    validate_writable_path("target_path", f"{tmp_path}/{name}", task_try=task_try())
    atomic_write(f"{tmp_path}/{name}", b"rows", task_try=task_try())
    assert (tmp_path / name).read_bytes() == b"rows"


def test_missing_provider_package_is_named() -> None:
    path = "gs://bucket/users.jsonl"
    with pytest.raises(ValueError, match=r"pip install 'apache-airflow-providers-google'$"):
        validate_writable_path("target_path", path, task_try=task_try())
    with (
        pytest.raises(ValueError, match=r"users_path .* 'apache-airflow-providers-google'$"),
        open_for_reading("users_path", path),
    ):
        pass


def test_failing_cleanup_is_logged_and_does_not_replace_error(
    lake: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(StoragePath, "unlink", refuse)
    with suppress(KeyError), atomic_open(f"{lake}/users.jsonl", task_try=task_try()) as file:
        file.write(b"part of")
        raise KeyError
    assert "may be left behind: Access Denied" in caplog.text
    assert names_in(lake) == [".users.jsonl." + task_try().task + "-1.unfinished"]
