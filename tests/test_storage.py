"""Files are whole or not there, however many tasks write them, on disks and on object storage."""

from __future__ import annotations

import os
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io.store import attach

from airflow_provider_damstra.storage import (
    Attempt,
    opened_to_read,
    opened_whole,
    refuse_what_is_no_file,
    write_whole,
)
from airflow_provider_damstra.storage_path import StoragePath
from tests.conftest import ObjectStorage

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import Context


def attempt(task_id: str = "export", *, number: int = 1, map_index: int = -1) -> Attempt:
    names = {"dag_id": "dag", "task_id": task_id, "run_id": "run", "map_index": map_index}
    return Attempt.of(cast("Context", {"ti": SimpleNamespace(**names, try_number=number)}))


@pytest.fixture(params=["disk", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, lake: str) -> str:
    """Return a folder in which files can be written, as a URL."""
    return str(tmp_path) if request.param == "disk" else lake


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in ObjectStoragePath(folder).iterdir())


def test_a_file_is_there_when_it_is_whole(folder: str) -> None:
    path = f"{folder}/new/users.jsonl"
    with opened_whole(path, attempt=attempt()) as file:
        file.write(b"one\n")
        assert not ObjectStoragePath(path).exists()
    assert ObjectStoragePath(path).read_bytes() == b"one\n"
    assert names_in(f"{folder}/new") == ["users.jsonl"]


def test_what_was_there_stays_if_writing_fails(folder: str) -> None:
    path = f"{folder}/users.jsonl"
    write_whole(path, b"before", attempt=attempt())
    with suppress(KeyError), opened_whole(path, attempt=attempt()) as file:
        file.write(b"half of")
        raise KeyError
    assert ObjectStoragePath(path).read_bytes() == b"before"
    assert names_in(folder) == ["users.jsonl"]


@pytest.mark.parametrize("other", [attempt("other"), attempt(number=2), attempt(map_index=1)], ids=str)
def test_two_who_write_the_same_file_do_not_disturb_each_other(folder: str, other: Attempt) -> None:
    path = f"{folder}/users.jsonl"
    with opened_whole(path, attempt=other) as file:
        file.write(b"the other's ")
        write_whole(path, b"mine", attempt=attempt())
        assert ObjectStoragePath(path).read_bytes() == b"mine"
        file.write(b"file")
    assert ObjectStoragePath(path).read_bytes() == b"the other's file"


def test_an_attempt_removes_what_killed_ones_of_its_task_left(folder: str) -> None:
    target = StoragePath(f"{folder}/users.jsonl")
    for dead in (attempt(), attempt(number=2), attempt("other")):
        dead.unfinished(target).write_bytes(b"half")
    write_whole(str(target), b"whole", attempt=attempt(number=3))
    assert names_in(folder) == [attempt("other").unfinished(target).name, "users.jsonl"]


def test_a_private_file_is_never_readable_to_others(tmp_path: Path) -> None:
    path = tmp_path / "url"
    with opened_whole(str(path), attempt=attempt(), private=True) as file:
        file.write(b"secret")
        (unfinished,) = tmp_path.iterdir()
        assert unfinished.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o077 == 0


def test_a_folder_nobody_may_write_into_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path: Any = str(tmp_path / "new" / "users.jsonl")
    refuse_what_is_no_file("target_path", path, attempt=attempt())
    # Whoever runs this test may be root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=f"this process may not write into {tmp_path}$"):
        refuse_what_is_no_file("target_path", path, attempt=attempt())


class Guarded(ObjectStorage):
    """Object storage that nobody may write into."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        raise PermissionError("Access Denied")


class AzureError(Exception):
    """An error of a file system's own."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class OutOfReach(ObjectStorage):
    """Object storage that does not answer."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        raise AzureError("no answer")


class WithoutContainer(ObjectStorage):
    """Object storage that answers with more than a sentence."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        raise AzureError("The specified container does not exist.\nRequestId: 1", status_code=404)


def test_an_object_storage_nobody_may_write_into_is_refused(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{lake}/users.jsonl"
    refuse_what_is_no_file("target_path", path, attempt=attempt())
    assert not ObjectStoragePath(path).exists()
    monkeypatch.setattr(attach("memory"), "fs", Guarded())
    with pytest.raises(ValueError, match=f"^target_path '{path}' cannot be written: Access Denied$"):
        refuse_what_is_no_file("target_path", path, attempt=attempt())


def test_one_that_does_not_answer_may_do_so_later(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach("memory"), "fs", OutOfReach())
    with pytest.raises(OSError, match=r"^target_path 'memory://.*' cannot be written: no answer$"):
        refuse_what_is_no_file("target_path", f"{lake}/users.jsonl", attempt=attempt())


def test_what_an_answer_s_status_says_is_final_and_its_first_line_enough(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach("memory"), "fs", WithoutContainer())
    with pytest.raises(ValueError, match=r"cannot be written: The specified container does not exist\.$"):
        refuse_what_is_no_file("target_path", f"{lake}/users.jsonl", attempt=attempt())


@pytest.mark.parametrize("name", ["users [1].jsonl", "users?.jsonl", "20*/users.jsonl"])
def test_what_object_storage_takes_for_a_pattern_is_refused_there_only(
    name: str, lake: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="for a pattern"):
        refuse_what_is_no_file("target_path", f"{lake}/{name}", attempt=attempt())
    refuse_what_is_no_file("target_path", f"{tmp_path}/{name}", attempt=attempt())
    write_whole(f"{tmp_path}/{name}", b"rows", attempt=attempt())
    assert (tmp_path / name).read_bytes() == b"rows"


def test_what_lets_airflow_reach_an_object_storage_is_named() -> None:
    path = "gs://bucket/users.jsonl"
    with pytest.raises(ValueError, match=r"pip install 'apache-airflow-providers-google'$"):
        refuse_what_is_no_file("target_path", path, attempt=attempt())
    with (
        pytest.raises(ValueError, match=r"users_path .* 'apache-airflow-providers-google'$"),
        opened_to_read("users_path", path),
    ):
        pass


def test_why_it_failed_is_said_although_tidying_up_fails_too(
    lake: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(StoragePath, "remove", refuse)
    with suppress(KeyError), opened_whole(f"{lake}/users.jsonl", attempt=attempt()) as file:
        file.write(b"half of")
        raise KeyError
    assert "may be left behind: Access Denied" in caplog.text
    assert names_in(lake) == [".users.jsonl." + attempt().task + "-1.unfinished"]
