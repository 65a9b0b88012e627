"""Checkpoints: what came is there again, in order, whatever moment the process died at."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_damstra.exports import checkpoint as checkpoints
from airflow_provider_damstra.exports import parts
from airflow_provider_damstra.exports.checkpoint import Checkpoint
from airflow_provider_damstra.exports.rows import Batch

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE = 1011, 1012, 1013


def opened(folder: ObjectStoragePath, *, attempt: int = 1, arguments: str = "users") -> Checkpoint:
    on_disk = folder.protocol == "file"
    return Checkpoint(folder, arguments=arguments, attempt=attempt, writes_through=on_disk)


@pytest.fixture(params=["disk", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, lake: str) -> ObjectStoragePath:
    return ObjectStoragePath(tmp_path.as_uri() if request.param == "disk" else lake) / ".users.parts"


def page(parent_id: int, *numbers: int, is_last: bool = False) -> Batch:
    return Batch(parent_id, rows=[b'{"id":%d}' % one for one in numbers], is_last_of_parent=is_last)


def numbers(checkpoint: Checkpoint) -> list[int]:
    return [json.loads(row)["id"] for rows in checkpoint.rows() for row in rows]


def test_the_rows_come_back_in_the_order_of_the_parents(folder: ObjectStoragePath) -> None:
    checkpoint = opened(folder)
    checkpoint.keep_parents([TWO, ONE, THREE])
    for batch in (page(ONE, 1), page(THREE), page(TWO, 2, 3), page(ONE, 4)):
        checkpoint.add(batch)
    assert numbers(checkpoint) == [2, 3, 1, 4]
    checkpoint.remove()
    assert not folder.exists()


def test_another_attempt_goes_on(folder: ObjectStoragePath) -> None:
    first = opened(folder)
    first.keep_parents([ONE, TWO, THREE])
    for batch in (page(TWO, 2), page(TWO, 3), page(ONE, 1), page(ONE, is_last=True)):
        first.add(batch)
    first.close_part()
    second = opened(folder, attempt=2)
    assert (second.parent_ids, second.done, second.begun) == ([ONE, TWO, THREE], {ONE}, {TWO: 2})
    assert second.began_at == first.began_at
    second.add(page(TWO, 4, is_last=True))
    assert (second.done, second.begun) == ({ONE, TWO}, {})
    assert numbers(second) == [1, 2, 3, 4]


def test_on_a_disk_a_page_is_there_before_anything_is_closed(tmp_path: Path) -> None:
    folder = ObjectStoragePath(tmp_path.as_uri()) / "parts"
    first = opened(folder)
    first.keep_parents([ONE])
    first.add(page(ONE, 1))
    assert opened(folder, attempt=2).begun == {ONE: 1}
    first.close_part()


def test_object_storage_gets_a_part_when_it_is_time(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_SECONDS_IN_A_PART", 0.0)
    folder = ObjectStoragePath(lake) / "parts"
    first = opened(folder)
    first.add(page(ONE, 1))
    assert opened(folder, attempt=2).begun == {ONE: 1}


@pytest.mark.parametrize("lost", [1, 20])
def test_half_a_line_of_the_index_is_no_page(lost: int, tmp_path: Path) -> None:
    folder = ObjectStoragePath(tmp_path.as_uri()) / "parts"
    first = opened(folder)
    first.add(page(ONE, 1))
    first.add(page(TWO, 2))
    first.close_part()
    (index,) = (tmp_path / "parts").glob("*.index")
    index.write_bytes(index.read_bytes()[:-lost])
    second = opened(folder, attempt=2)
    assert second.begun == {ONE: 1}
    second.keep_parents([ONE, TWO])
    second.add(page(TWO, 2))
    assert numbers(second) == [1, 2]


def test_an_index_that_says_more_than_there_is_is_not_believed(tmp_path: Path) -> None:
    folder = ObjectStoragePath(tmp_path.as_uri()) / "parts"
    first = opened(folder)
    first.add(page(ONE, 1))
    first.add(page(TWO, 2))
    first.close_part()
    (rows,) = (tmp_path / "parts").glob("*.rows")
    rows.write_bytes(rows.read_bytes()[:-1])
    assert opened(folder, attempt=2).begun == {ONE: 1}


@pytest.mark.parametrize("size", [1, 25])
def test_many_parts_are_read_one_after_the_other(
    size: int, folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_BYTES_IN_A_PART", size)
    checkpoint = opened(folder)
    checkpoint.keep_parents(range(20))
    for number in reversed(range(20)):
        checkpoint.add(page(number, number))
    checkpoint.close_part()
    assert len([path for path in folder.iterdir() if path.name.endswith(".rows")]) > 5
    assert numbers(checkpoint) == list(range(20))


def test_other_arguments_and_too_old_rows_start_clean(
    folder: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(folder)
    first.add(page(ONE, 1))
    first.close_part()
    assert opened(folder, attempt=2, arguments="others").begun == {}
    first = opened(folder, attempt=3, arguments="others")
    first.keep_parents([ONE])
    first.add(page(ONE, 1))
    first.close_part()
    assert opened(folder, attempt=4, arguments="others").begun == {ONE: 1}
    monkeypatch.setattr(checkpoints, "KEPT_FOR", timedelta())
    late = opened(folder, attempt=5, arguments="others")
    assert (late.begun, late.parent_ids) == ({}, None)
    assert [path.name for path in folder.iterdir()] == ["begun.json"]
