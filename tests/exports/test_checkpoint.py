"""Checkpoints: what came is there again, in order, whatever moment the process died at."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraError, DamstraTransportError
from airflow_provider_damstra.exports import checkpoint as checkpoints
from airflow_provider_damstra.exports import parts
from airflow_provider_damstra.exports.checkpoint import Checkpoint, is_left_behind, pages_with_checkpoint
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.rows import Batch, Export
from airflow_provider_damstra.storage_path import StoragePath
from tests.exports.moving import Moving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE, TWO, THREE = 1011, 1012, 1013


def opened(folder: StoragePath, *, arguments: str = "users") -> Checkpoint:
    return Checkpoint(folder, arguments=arguments, writes_through=folder.is_local)


@pytest.fixture(params=["disk", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, lake: str) -> StoragePath:
    return StoragePath(tmp_path.as_uri() if request.param == "disk" else lake) / ".users.parts"


def page(parent_id: int, *numbers: int, is_last: bool = False) -> Batch:
    return Batch(parent_id, rows=[b'{"id":%d}' % one for one in numbers], is_last_of_parent=is_last)


def numbers(checkpoint: Checkpoint) -> list[int]:
    return [json.loads(row)["id"] for rows in checkpoint.rows() for row in rows]


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


def test_a_listing_that_shifts_between_two_attempts_loses_nothing(folder: StoragePath) -> None:
    export = Export(resource=RESOURCES["lesson_schedules"], parent_ids=[ONE], max_concurrency=1)
    listing = [b'{"id":%d}' % one for one in range(6)]
    breaks_off = DamstraTransportError("no answer")

    class Listing:
        """A client whose listing breaks off after its first page of two rows, until it does not."""

        broken = True

        def pages(self, endpoint: Any, **_: Any) -> Iterator[list[bytes]]:
            for start in range(0, len(listing), 2):
                if start and self.broken:
                    raise breaks_off
                yield listing[start : start + 2]

    client = Listing()
    with pytest.raises(DamstraTransportError):
        list(pages_with_checkpoint(export, client, opened(folder)))
    del listing[0]
    client.broken = False
    pages = list(pages_with_checkpoint(export, client, opened(folder)))
    assert [json.loads(row)["id"] for rows in pages for row in rows] == [1, 2, 3, 4, 5]


GROUP = Export(resource=RESOURCES["group_members"], parent_ids=[ONE], max_concurrency=1)


def read(folder: StoragePath, members: Moving) -> list[int]:
    """Read all members of a group in an attempt of its own."""
    pages = pages_with_checkpoint(GROUP, members, opened(folder))
    return [json.loads(row)["id"] for rows in pages for row in rows]


def broken_off(folder: StoragePath, members: Moving, *, pages: int) -> None:
    """Read some pages in an attempt that breaks off."""

    def breaks(ids: list[int]) -> None:
        if len(members.asked) == pages + 1:
            raise DamstraTransportError("no answer")

    members.change = breaks
    with pytest.raises(DamstraTransportError):
        read(folder, members)
    members.change = lambda ids: None
    members.asked.clear()


def members(*, count: int = 30, has_total: bool = True) -> Moving:
    return Moving(list(range(count)), size=10, has_total=has_total)


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_half_read_listing_is_gone_on_with(pages: int, has_total: bool, folder: StoragePath) -> None:
    group = members(has_total=has_total)
    broken_off(folder, group, pages=pages)
    assert read(folder, group) == list(range(30))
    assert group.asked[0] == pages * 9
    assert len(group.asked) == 4 - pages + (not has_total)


def test_it_is_gone_on_with_as_often_as_it_breaks_off(folder: StoragePath) -> None:
    group = members(count=80)
    for pages in (2, 3, 1):
        broken_off(folder, group, pages=pages)
    assert read(folder, group) == list(range(80))
    assert group.asked[0] == 6 * 9


def test_a_whole_listing_of_which_only_the_end_was_not_seen_is_not_read_again(
    folder: StoragePath,
) -> None:
    group = members(count=5, has_total=False)
    broken_off(folder, group, pages=1)
    assert read(folder, group) == list(range(5))
    assert group.asked == [5]


def test_a_listing_to_which_rows_were_added_behind_its_end_is_read_anew(folder: StoragePath) -> None:
    group = members(count=5, has_total=False)
    broken_off(folder, group, pages=1)
    group.ids.append(5)
    assert read(folder, group) == list(range(6))
    assert group.asked == [5, 0, 6]


def test_a_half_read_listing_whose_rows_moved_is_read_anew(folder: StoragePath) -> None:
    group = members()
    broken_off(folder, group, pages=2)
    del group.ids[3]
    assert read(folder, group) == group.ids
    assert group.asked == [18, 0, 9, 18, 27]


@pytest.mark.parametrize("lost", ["rows", "index"])
def test_a_half_read_listing_whose_beginning_was_lost_is_read_anew(
    lost: str, folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_BYTES_IN_A_PART", 1)
    group = members()
    broken_off(folder, group, pages=2)
    (folder / min(name for name in folder.sizes() if name.endswith(lost))).remove()
    assert read(folder, group) == list(range(30))
    assert group.asked[0] == 0


def test_who_is_killed_while_it_takes_over_what_was_kept_loses_nothing(
    folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = members(count=60)
    broken_off(folder, group, pages=4)
    second = opened(folder)
    place = second.begun[ONE]
    kept = [0]

    def keep(self: Checkpoint, *arguments: Any, **options: Any) -> None:
        kept[0] += 1
        if kept[0] == 3:
            raise KeyboardInterrupt
        original(self, *arguments, **options)

    original = Checkpoint._keep
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "_keep", keep)
        with pytest.raises(KeyboardInterrupt):
            second.add(Batch(ONE, continues=True))
    second.close_part()
    assert opened(folder).begun == {ONE: place}
    assert read(folder, group) == list(range(60))
    assert group.asked[0] == place.row


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
    (folder / sorted(name for name in folder.sizes() if name.endswith(".rows"))[0]).remove()
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
    assert len([name for name in folder.sizes() if name.endswith(".rows")]) > 5
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
    assert sorted(name.rpartition(".")[2] for name in folder.sizes()) == ["attempt", "json"]


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
