"""Checkpoints: what came is there again, in order, whatever moment the process died at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.exports import checkpoint as checkpoints
from airflow_provider_damstra.exports import chunks as parts
from airflow_provider_damstra.exports.checkpoint import Checkpoint, is_left_behind
from airflow_provider_damstra.storage import StoragePath
from tests.exports.kept import ONE, THREE, TWO, numbers, opened, page

if TYPE_CHECKING:
    from pathlib import Path


def test_the_rows_come_back_in_the_order_of_the_parents(folder: StoragePath) -> None:
    checkpoint = opened(folder)
    checkpoint.keep_parents([TWO, ONE, THREE])
    for batch in (page(ONE, 1), page(THREE), page(TWO, 2, 3), page(ONE, 4)):
        checkpoint.add(batch)
    assert numbers(checkpoint) == [2, 3, 1, 4]
    checkpoint.remove()
    assert not folder.exists()


def test_another_attempt_takes_over_what_is_whole_and_nothing_else(folder: StoragePath) -> None:
    first = opened(folder)
    first.keep_parents([ONE, TWO, THREE])
    for batch in (page(TWO, 2), page(TWO, 3), page(ONE, 1), page(ONE, is_last=True), page(THREE)):
        first.add(batch)
    first.close_part()
    second = opened(folder)
    assert (second.parent_ids, second.done) == ([ONE, TWO, THREE], {ONE})
    # Somebody lost a row meanwhile: what followed it has moved up.
    for batch in (page(TWO, 3, 4), page(TWO, 5, is_last=True), page(THREE, is_last=True)):
        second.add(batch)
    assert second.done == {ONE, TWO, THREE}
    assert numbers(second) == [1, 3, 4, 5]
    assert numbers(opened(folder)) == [1, 3, 4, 5]


def test_of_two_attempts_that_read_the_same_one_counts(folder: StoragePath) -> None:
    """An attempt that Airflow takes for dead may go on all the same."""
    first, second = opened(folder), opened(folder)
    for attempt in (first, second):
        attempt.keep_parents([ONE, TWO])
        attempt.add(page(ONE, 1, 2))
    for attempt in (first, second):
        attempt.add(page(ONE, 3, is_last=True))
    first.add(page(TWO, 4))
    second.add(page(TWO, 4, 5, is_last=True))
    for attempt in (first, second):
        attempt.close_part()
    third = opened(folder)
    assert third.done == {ONE, TWO}
    assert numbers(third) == [1, 2, 3, 4, 5]


def test_on_a_disk_a_page_is_there_before_anything_is_closed(tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "parts"
    first = opened(folder)
    first.keep_parents([ONE])
    first.add(page(ONE, 1, is_last=True))
    assert opened(folder).done == {ONE}
    first.close_part()


def test_object_storage_gets_a_part_when_it_is_time(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_SECONDS_IN_A_PART", 0.0)
    folder = StoragePath(lake) / "parts"
    first = opened(folder)
    first.add(page(ONE, 1, is_last=True))
    assert opened(folder).done == {ONE}


def two_kept(folder: StoragePath) -> None:
    """Keep whole listings of two parents."""
    checkpoint = opened(folder)
    checkpoint.keep_parents([ONE, TWO])
    for batch in (page(ONE, 1, is_last=True), page(TWO, 2, is_last=True)):
        checkpoint.add(batch)
    checkpoint.close_part()


@pytest.mark.parametrize("lost", [1, 10])
def test_half_a_line_of_the_index_is_no_page(lost: int, tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "parts"
    two_kept(folder)
    (index,) = (tmp_path / "parts").glob("*.index")
    index.write_bytes(index.read_bytes()[:-lost])
    second = opened(folder)
    assert second.done == {ONE}
    second.add(page(TWO, 2, is_last=True))
    assert numbers(second) == [1, 2]


@pytest.mark.parametrize("line", [b"\0\0\0", b"[]", b"[1012,1,true,10]", b"\xff"])
def test_a_line_of_the_index_that_is_none_says_nothing(line: bytes, tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "parts"
    two_kept(folder)
    (index,) = (tmp_path / "parts").glob("*.index")
    first, *_ = index.read_bytes().splitlines()
    index.write_bytes(b"%s\n%s\n" % (first, line))
    assert opened(folder).done == {ONE}


def test_an_index_that_says_more_than_there_is_is_not_believed(tmp_path: Path) -> None:
    folder = StoragePath(tmp_path.as_uri()) / "parts"
    two_kept(folder)
    (rows,) = (tmp_path / "parts").glob("*.rows")
    rows.write_bytes(rows.read_bytes()[:-1])
    assert opened(folder).done == {ONE}


def test_a_listing_whose_beginning_was_lost_is_not_whole(
    folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_BYTES_IN_A_PART", 1)
    first = opened(folder)
    first.keep_parents([ONE])
    for batch in (page(ONE, 1), page(ONE, 2), page(ONE, is_last=True)):
        first.add(batch)
    first.close_part()
    assert opened(folder).done == {ONE}
    (folder / sorted(name for name in folder.list_sizes() if name.endswith(".rows"))[0]).unlink()
    assert opened(folder).done == set()


@pytest.mark.parametrize("size", [1, 25])
def test_many_parts_are_read_one_after_the_other(
    size: int, folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_BYTES_IN_A_PART", size)
    checkpoint = opened(folder)
    checkpoint.keep_parents(range(20))
    for number in reversed(range(20)):
        checkpoint.add(page(number, number))
    checkpoint.close_part()
    assert len([name for name in folder.list_sizes() if name.endswith(".rows")]) > 5
    assert numbers(checkpoint) == list(range(20))


def test_other_arguments_and_too_old_rows_start_clean(
    folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_kept(folder)
    assert opened(folder).done == {ONE, TWO}
    others = opened(folder, arguments="others")
    assert (others.done, others.parent_ids) == (set(), None)
    two_kept(folder)
    monkeypatch.setattr(checkpoints, "KEPT_FOR", timedelta())
    late = opened(folder)
    assert (late.done, late.parent_ids) == (set(), None)
    assert sorted(name.rpartition(".")[2] for name in folder.list_sizes()) == ["attempt", "json"]


def test_an_attempt_that_was_taken_for_dead_leaves_what_another_goes_on_with(
    folder: StoragePath,
) -> None:
    two_kept(folder)
    first = opened(folder)
    second = opened(folder)
    first.remove()
    assert numbers(second) == [1, 2]
    second.remove()
    assert not folder.exists()


def test_an_attempt_that_was_taken_for_dead_leaves_what_another_begins(folder: StoragePath) -> None:
    first = opened(folder)
    second = opened(folder, arguments="others")
    first.remove()
    second.keep_parents([ONE])
    second.add(page(ONE, 1, is_last=True))
    assert numbers(second) == [1]


def test_an_attempt_that_is_too_late_is_told_so_and_leaves_nothing(folder: StoragePath) -> None:
    first = opened(folder)
    first.add(page(ONE, 1))
    second = opened(folder)
    second.remove()
    with pytest.raises(DamstraError, match="A later attempt"):
        first.close_part()
    first.remove()
    assert not folder.exists()


OWNER = {"task_id": "export", "run_id": "monday"}


@pytest.mark.parametrize(
    ("owner", "is_old", "is_over", "expected"),
    [
        (OWNER, True, True, True),
        (OWNER, True, False, False),
        (OWNER, False, True, False),
        ({}, True, True, False),
    ],
)
def test_only_what_is_old_and_whose_task_is_over_is_left_behind(
    owner: dict[str, str],
    is_old: bool,
    is_over: bool,
    expected: bool,
    folder: StoragePath,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not is_left_behind(folder, is_over=lambda _: True)
    Checkpoint(folder, arguments="users", writes_through=False, owner=owner)
    if is_old:
        monkeypatch.setattr(checkpoints, "KEPT_FOR", timedelta())
    assert is_left_behind(folder, is_over=lambda of: is_over and of == OWNER) is expected
