"""Listings that an attempt has half read: the next goes on with them, unless their rows have moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraTransportError
from airflow_provider_damstra.exports import chunks as parts
from airflow_provider_damstra.exports.checkpoint import Checkpoint, pages_with_checkpoint
from airflow_provider_damstra.exports.reader import Batch, Export
from airflow_provider_damstra.exports.resources import RESOURCES
from tests.exports.kept import ONE, opened
from tests.exports.moving import Moving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.storage import StoragePath


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
    (folder / min(name for name in folder.list_sizes() if name.endswith(lost))).unlink()
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
