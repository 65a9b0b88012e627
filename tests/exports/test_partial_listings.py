"""Listings that a killed try has read in part: the retry continues them, unless their rows have moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraTransportError
from airflow_provider_damstra.exports import segments
from airflow_provider_damstra.exports.checkpoint import Checkpoint, read_with_checkpoint
from airflow_provider_damstra.exports.reader import ResourceReader, RowPage
from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery
from tests.exports.changing_listing import ChangingListing
from tests.exports.checkpoints import ONE, open_checkpoint

if TYPE_CHECKING:
    from airflow_provider_damstra.storage import StoragePath


GROUP_MEMBERS = ResourceQuery(resource=RESOURCES["group_members"], parent_ids=[ONE], max_concurrency=1)


def read(folder: StoragePath, listing: ChangingListing) -> list[int]:
    """Read all members of a group in a new try."""
    with ResourceReader(GROUP_MEMBERS, lambda: listing) as reader:
        pages = read_with_checkpoint(reader, open_checkpoint(folder))
        return [json.loads(row)["id"] for rows in pages for row in rows]


def read_and_fail(folder: StoragePath, listing: ChangingListing, *, pages: int) -> None:
    """Read some pages in a try that fails."""

    def fail(ids: list[int]) -> None:
        if len(listing.requested_rows) == pages + 1:
            raise DamstraTransportError("no response")

    listing.change = fail
    with pytest.raises(DamstraTransportError):
        read(folder, listing)
    listing.change = lambda ids: None
    listing.requested_rows.clear()


def test_listing_of_pages_without_overlap_is_read_from_its_beginning(folder: StoragePath) -> None:
    listing = ChangingListing(list(range(6)), size=1)
    read_and_fail(folder, listing, pages=1)
    del listing.ids[0]
    assert read(folder, listing) == [1, 2, 3, 4, 5]


def members(*, count: int = 30, has_total: bool = True) -> ChangingListing:
    return ChangingListing(list(range(count)), size=10, has_total=has_total)


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("pages", [1, 2, 3])
def test_partial_listing_is_continued(pages: int, has_total: bool, folder: StoragePath) -> None:
    group = members(has_total=has_total)
    read_and_fail(folder, group, pages=pages)
    assert read(folder, group) == list(range(30))
    assert group.requested_rows[0] == pages * 9
    assert len(group.requested_rows) == 4 - pages + (not has_total)


def test_partial_listing_is_continued_after_each_failure(folder: StoragePath) -> None:
    group = members(count=80)
    for pages in (2, 3, 1):
        read_and_fail(folder, group, pages=pages)
    assert read(folder, group) == list(range(80))
    assert group.requested_rows[0] == 6 * 9


def test_listing_missing_only_its_empty_last_page_is_not_read_again(
    folder: StoragePath,
) -> None:
    group = members(count=5, has_total=False)
    read_and_fail(folder, group, pages=1)
    assert read(folder, group) == list(range(5))
    assert group.requested_rows == [5]


def test_listing_with_rows_added_at_end_is_read_again(folder: StoragePath) -> None:
    group = members(count=5, has_total=False)
    read_and_fail(folder, group, pages=1)
    group.ids.append(5)
    assert read(folder, group) == list(range(6))
    assert group.requested_rows == [5, 0, 6]


def test_partial_listing_is_read_again_if_rows_moved(folder: StoragePath) -> None:
    group = members()
    read_and_fail(folder, group, pages=2)
    del group.ids[3]
    assert read(folder, group) == group.ids
    assert group.requested_rows == [18, 0, 9, 18, 27]


@pytest.mark.parametrize("lost", ["rows", "index"])
def test_partial_listing_is_read_again_if_first_segment_is_lost(
    lost: str, folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", 1)
    group = members()
    read_and_fail(folder, group, pages=2)
    (folder / min(name for name in folder.list_sizes() if name.endswith(lost))).unlink()
    assert read(folder, group) == list(range(30))
    assert group.requested_rows[0] == 0


def test_kill_while_partial_listing_is_copied_loses_nothing(
    folder: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = members(count=60)
    read_and_fail(folder, group, pages=4)
    second = open_checkpoint(folder)
    cursor = second.cursors[ONE]
    count = 0

    def append(self: Checkpoint, *arguments: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        original(self, *arguments, **options)

    original = Checkpoint._append
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "_append", append)
        with pytest.raises(KeyboardInterrupt):
            second.add(RowPage(ONE, is_resumed=True))
    second.flush()
    assert open_checkpoint(folder).cursors == {ONE: cursor}
    assert read(folder, group) == list(range(60))
    assert group.requested_rows[0] == cursor.row
