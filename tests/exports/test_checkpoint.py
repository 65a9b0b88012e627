"""Checkpoints: the pages are read back in order, regardless of when the process was killed."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.exports import checkpoint as checkpoint_module
from airflow_provider_damstra.exports import segments
from airflow_provider_damstra.exports.checkpoint import Checkpoint, expired_owner
from airflow_provider_damstra.storage import StoragePath
from tests.exports.checkpoints import ONE, THREE, TWO, ids_in, open_checkpoint, row_page

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_are_read_back_in_order_of_parents(folder: StoragePath) -> None:
    checkpoint = open_checkpoint(folder)
    checkpoint.save_parent_ids([TWO, ONE, THREE])
    for page in (row_page(ONE, 1), row_page(THREE), row_page(TWO, 2, 3), row_page(ONE, 4)):
        checkpoint.add(page)
    assert ids_in(checkpoint) == [2, 3, 1, 4]
    checkpoint.remove()
    assert not folder.exists()


def test_retry_takes_over_only_completed_listings(folder: StoragePath) -> None:
    first = open_checkpoint(folder)
    first.save_parent_ids([ONE, TWO, THREE])
    for page in (
        row_page(TWO, 2),
        row_page(TWO, 3),
        row_page(ONE, 1),
        row_page(ONE, is_last=True),
        row_page(THREE),
    ):
        first.add(page)
    first.flush()
    second = open_checkpoint(folder)
    assert (second.parent_ids, second.completed) == ([ONE, TWO, THREE], {ONE})
    # A row was deleted meanwhile, and those behind it have moved up.
    for page in (row_page(TWO, 3, 4), row_page(TWO, 5, is_last=True), row_page(THREE, is_last=True)):
        second.add(page)
    assert second.completed == {ONE, TWO, THREE}
    assert ids_in(second) == [1, 3, 4, 5]
    assert ids_in(open_checkpoint(folder)) == [1, 3, 4, 5]


def test_listing_read_by_two_tries_is_taken_from_one(folder: StoragePath) -> None:
    """A try that Airflow takes for dead may still be running."""
    first, second = open_checkpoint(folder), open_checkpoint(folder)
    for checkpoint in (first, second):
        checkpoint.save_parent_ids([ONE, TWO])
        checkpoint.add(row_page(ONE, 1, 2))
    for checkpoint in (first, second):
        checkpoint.add(row_page(ONE, 3, is_last=True))
    first.add(row_page(TWO, 4))
    second.add(row_page(TWO, 4, 5, is_last=True))
    for checkpoint in (first, second):
        checkpoint.flush()
    third = open_checkpoint(folder)
    assert third.completed == {ONE, TWO}
    assert ids_in(third) == [1, 2, 3, 4, 5]


def test_page_on_disk_is_readable_before_flush(tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "checkpoint"
    first = open_checkpoint(folder)
    first.save_parent_ids([ONE])
    first.add(row_page(ONE, 1, is_last=True))
    assert open_checkpoint(folder).completed == {ONE}
    first.flush()


@pytest.mark.parametrize("planted", ["symbolic link", "file"])
def test_planted_checkpoint_folder_is_replaced(planted: str, tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "checkpoint"
    save_two_listings(StoragePath(str(victim)))
    before = sorted(path.name for path in victim.iterdir())
    folder.symlink_to(victim) if planted == "symbolic link" else folder.touch()
    assert open_checkpoint(StoragePath(str(folder))).completed == set()
    assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
    assert sorted(path.name for path in victim.iterdir()) == before


def test_checkpoint_folder_of_another_user_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StoragePath(str(tmp_path / "checkpoint"))
    save_two_listings(folder)
    assert open_checkpoint(folder).completed == {ONE, TWO}
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert open_checkpoint(folder).completed == set()


def test_object_storage_segment_is_written_when_old_enough(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_SECONDS", 0.0)
    folder = StoragePath(lake) / "checkpoint"
    first = open_checkpoint(folder)
    first.add(row_page(ONE, 1, is_last=True))
    assert open_checkpoint(folder).completed == {ONE}


def save_two_listings(folder: StoragePath) -> None:
    """Save the completed listings of two parents."""
    checkpoint = open_checkpoint(folder)
    checkpoint.save_parent_ids([ONE, TWO])
    for page in (row_page(ONE, 1, is_last=True), row_page(TWO, 2, is_last=True)):
        checkpoint.add(page)
    checkpoint.flush()


@pytest.mark.parametrize("lost", [1, 10])
def test_incomplete_index_line_is_ignored(lost: int, tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "checkpoint"
    save_two_listings(folder)
    (index,) = (tmp_path / "checkpoint").glob("*.index")
    index.write_bytes(index.read_bytes()[:-lost])
    second = open_checkpoint(folder)
    assert second.completed == {ONE}
    second.add(row_page(TWO, 2, is_last=True))
    assert ids_in(second) == [1, 2]


@pytest.mark.parametrize("line", [b"\0\0\0", b"[]", b"[1012,1,true,10]", b"\xff"])
def test_invalid_index_line_is_ignored(line: bytes, tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "checkpoint"
    save_two_listings(folder)
    (index,) = (tmp_path / "checkpoint").glob("*.index")
    first, *_ = index.read_bytes().splitlines()
    index.write_bytes(b"%s\n%s\n" % (first, line))
    assert open_checkpoint(folder).completed == {ONE}


def test_index_entry_beyond_end_of_rows_file_is_ignored(tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "checkpoint"
    save_two_listings(folder)
    (rows,) = (tmp_path / "checkpoint").glob("*.rows")
    rows.write_bytes(rows.read_bytes()[:-1])
    assert open_checkpoint(folder).completed == {ONE}


def test_listing_with_lost_first_segment_is_not_completed(
    folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", 1)
    first = open_checkpoint(folder)
    first.save_parent_ids([ONE])
    for page in (row_page(ONE, 1), row_page(ONE, 2), row_page(ONE, is_last=True)):
        first.add(page)
    first.flush()
    assert open_checkpoint(folder).completed == {ONE}
    (folder / sorted(name for name in folder.list_sizes() if name.endswith(".rows"))[0]).unlink()
    assert open_checkpoint(folder).completed == set()


@pytest.mark.parametrize("size", [1, 25])
def test_rows_of_many_segments_are_read_in_order(
    size: int, folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", size)
    checkpoint = open_checkpoint(folder)
    checkpoint.save_parent_ids(range(20))
    for number in reversed(range(20)):
        checkpoint.add(row_page(number, number))
    checkpoint.flush()
    assert len([name for name in folder.list_sizes() if name.endswith(".rows")]) > 5
    assert ids_in(checkpoint) == list(range(20))


def test_other_fingerprint_or_expired_checkpoint_is_emptied(
    folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_two_listings(folder)
    assert open_checkpoint(folder).completed == {ONE, TWO}
    others = open_checkpoint(folder, fingerprint="others")
    assert (others.completed, others.parent_ids) == (set(), None)
    save_two_listings(folder)
    monkeypatch.setattr(checkpoint_module, "CHECKPOINT_MAX_AGE", timedelta())
    late = open_checkpoint(folder)
    assert (late.completed, late.parent_ids) == (set(), None)
    assert sorted(name.rpartition(".")[2] for name in folder.list_sizes()) == ["json", "writer"]


def test_remove_keeps_checkpoint_that_a_later_try_continues(
    folder: StoragePath,
) -> None:
    save_two_listings(folder)
    first = open_checkpoint(folder)
    second = open_checkpoint(folder)
    first.remove()
    assert ids_in(second) == [1, 2]
    second.remove()
    assert not folder.exists()


def test_remove_keeps_checkpoint_that_a_later_try_emptied(folder: StoragePath) -> None:
    first = open_checkpoint(folder)
    second = open_checkpoint(folder, fingerprint="others")
    first.remove()
    second.save_parent_ids([ONE])
    second.add(row_page(ONE, 1, is_last=True))
    assert ids_in(second) == [1]


def test_flush_fails_after_later_try_removed_checkpoint(folder: StoragePath) -> None:
    first = open_checkpoint(folder)
    first.add(row_page(ONE, 1))
    second = open_checkpoint(folder)
    second.remove()
    with pytest.raises(DamstraError, match="A later try"):
        first.flush()
    first.remove()
    assert not folder.exists()


OWNER = {"task_id": "export", "run_id": "monday"}


@pytest.mark.parametrize(
    ("owner", "is_old", "expected"), [(OWNER, True, OWNER), (OWNER, False, None), ({}, True, None)]
)
def test_expired_owner_is_the_task_of_an_old_checkpoint(
    owner: dict[str, str],
    is_old: bool,
    expected: dict[str, str] | None,
    folder: StoragePath,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert expired_owner(folder) is None
    Checkpoint(folder, fingerprint="users", owner=owner)
    if is_old:
        monkeypatch.setattr(checkpoint_module, "CHECKPOINT_MAX_AGE", timedelta())
    assert expired_owner(folder) == expected


@pytest.mark.parametrize(
    "manifest",
    [
        b'{"fingerprint": "users"}',
        b'{"fingerprint": "users", "started_at": 5, "owner": {}}',
        b'{"fingerprint": "users", "started_at": "today", "owner": [1]}',
        b'{"fingerprint": "users", "started_at": "2026-01-01T00:00:00", "owner": null}',
    ],
)
def test_checkpoint_with_damaged_manifest_is_emptied(manifest: bytes, folder: StoragePath) -> None:
    save_two_listings(folder)
    (folder / "manifest.json").write_bytes(manifest)
    assert expired_owner(folder) is None
    assert open_checkpoint(folder, fingerprint="users").completed == set()
