"""Row versions: no new or changed row is left out, and no other is written."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.incremental import ExportState, RowVersionStore, RunRef
from airflow_provider_damstra.exports.resources import RESOURCES

JANUARY, MARCH = "2026-01-31T12:00:00.000Z", "2026-03-31T12:00:00.000Z"


def row(number: int, modified: str | None = JANUARY, **members: Any) -> bytes:
    dates = {"modifiedDate": modified} if modified else {}
    return json.dumps({"id": number, **dates, **members}).encode()


def snapshot(*rows: bytes, resource: str = "users") -> bytes:
    """Return the snapshot that an export of these rows writes."""
    file = io.BytesIO()
    with RowVersionStore(RESOURCES[resource], snapshot=None) as first:
        assert list(first.filter_changed([list(rows)])) == [list(rows)]
        first.write_snapshot(file)
    return file.getvalue()


def changed_ids(*rows: bytes, known: bytes, resource: str = "users", **options: bool) -> list[int]:
    with RowVersionStore(RESOURCES[resource], snapshot=io.BytesIO(known), **options) as now:
        return [json.loads(bytes(one))["id"] for page in now.filter_changed([list(rows)]) for one in page]


@pytest.mark.parametrize(
    ("before", "after", "is_changed"),
    [
        (row(1), row(1), False),
        (row(1, JANUARY), row(1, MARCH), True),
        (row(1, MARCH), row(1, JANUARY), True),
        (row(1, JANUARY), row(1, None), True),
        (row(1, status="due"), row(1, status="overdue"), True),
        (row(1, clientStatusId=56), row(1, clientStatusId=57), True),
        (row(1, lessonThumbnail="https://one"), row(1, lessonThumbnail="https://other"), False),
        (row(1, None, name="A"), row(1, None, name="A"), False),
        (row(1, None, name="A"), row(1, None, name="B"), True),
        (row(2), row(1), True),
    ],
)
def test_row_is_changed_if_its_version_differs(before: bytes, after: bytes, is_changed: bool) -> None:
    assert changed_ids(after, known=snapshot(before)) == ([1] if is_changed else [])


def test_all_rows_are_changed_with_all_rows() -> None:
    assert changed_ids(row(1), known=snapshot(row(1)), all_rows=True) == [1]


@pytest.mark.parametrize("resource", ["group_members", "group_supervisors"])
def test_member_is_new_in_another_group(resource: str) -> None:
    one, other = row(1, groupId=5), row(1, groupId=6)
    known = snapshot(one, resource=resource)
    with RowVersionStore(RESOURCES[resource], snapshot=io.BytesIO(known)) as now:
        assert list(now.filter_changed([[one, other]])) == [[other]]


@pytest.mark.parametrize("all_rows", [False, True])
def test_row_on_two_pages_is_yielded_once_with_its_last_version(all_rows: bool) -> None:
    known = snapshot(row(1), row(4))
    one, two, changed, three, four = row(1), row(2, JANUARY), row(2, MARCH), row(3), row(4, MARCH)
    with RowVersionStore(RESOURCES["users"], snapshot=io.BytesIO(known), all_rows=all_rows) as now:
        pages = list(now.filter_changed([[one, two, three], [three, changed, four], [four, changed, one]]))
        kept = io.BytesIO()
        now.write_snapshot(kept)
    assert pages == [[*([one] if all_rows else []), two, three], [changed, four], []]
    assert changed_ids(one, changed, three, four, known=kept.getvalue()) == []


def test_row_twice_on_a_page_is_yielded_once() -> None:
    assert changed_ids(row(1), row(2), row(2), row(1, MARCH), known=snapshot(row(3))) == [1, 2, 1]


def test_watermark_is_latest_modified_date() -> None:
    with RowVersionStore(RESOURCES["users"], snapshot=None) as now:
        list(now.filter_changed([[row(1, MARCH), row(2, JANUARY)], [row(3, None), row(4, "soon")]]))
        assert now.watermark == datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_deleted_rows_are_written_by_key() -> None:
    known = snapshot(row(1, groupId=5), row(2, groupId=5), resource="group_members")
    file = io.BytesIO()
    with RowVersionStore(RESOURCES["group_members"], snapshot=io.BytesIO(known)) as now:
        list(now.filter_changed([[row(2, groupId=5)], [row(1, groupId=6)]]))
        assert now.write_deleted(file) == 1
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [{"groupId": 5, "id": 1}]


def test_page_with_many_rows_is_compared() -> None:
    known = snapshot(*(row(number) for number in range(0, 3000, 2)))
    assert changed_ids(*map(row, range(3000)), known=known) == list(range(1, 3000, 2))


@pytest.mark.parametrize(
    "odd",
    [
        rb'{"id":1,"firstName":"Bob\ud83d"}',
        rb'{"id":1,"modifiedDate":"2026-01-31T12:00:00.000Z","status":"\ud83d"}',
        b'{"id":1,"modifiedDate":1e999}',
        b'{"id":1,"modifiedDate":%s}' % (b"9" * 5000),
        b'{"id":1,"modifiedDate":"0001-01-01T00:00:00.000+0800"}',
        b'{"id":1,"modifiedDate":"2026-01-31T12:00:00.000Z","status":"\xff"}',
    ],
)
def test_awkward_row_is_compared(odd: bytes) -> None:
    known = snapshot(odd, row(2))
    assert changed_ids(odd, row(2), known=known) == []
    assert changed_ids(row(1), row(2), known=known) == [1]


@pytest.mark.parametrize("broken", [b"{}", b"[1]", b'{"id":null}', b'{"id":"one"}'], ids=str)
def test_row_without_key_fails(broken: bytes) -> None:
    with (
        RowVersionStore(RESOURCES["users"], snapshot=None) as now,
        pytest.raises(DamstraResponseError, match="row of users has no key") as caught,
    ):
        list(now.filter_changed([[broken]]))
    assert caught.value.__context__ is None


MONDAY, TUESDAY = (
    RunRef("monday", "2026-01-26T02:00:00+00:00"),
    RunRef("tuesday", "2026-01-27T02:00:00+00:00"),
)
AFTER_TUESDAY = ExportState(watermark=JANUARY, snapshot="tuesday's", run=TUESDAY, compared_with="monday's")


@pytest.mark.parametrize(
    ("run", "snapshot_path"),
    [
        (RunRef("wednesday", "2026-01-28T02:00:00+00:00"), "tuesday's"),
        (RunRef("by hand"), "tuesday's"),
        (TUESDAY, "monday's"),
        (MONDAY, None),
    ],
    ids=str,
)
def test_run_is_compared_with_snapshot_of_run_before(run: RunRef, snapshot_path: str | None) -> None:
    assert AFTER_TUESDAY.snapshot_for(run) == snapshot_path


def test_first_run_is_compared_with_none() -> None:
    assert ExportState().snapshot_for(MONDAY) is None


def test_state_round_trips_through_json_and_names_its_files() -> None:
    assert msgspec.convert(json.loads(msgspec.json.encode(AFTER_TUESDAY)), ExportState) == AFTER_TUESDAY
    assert AFTER_TUESDAY.files() == {"tuesday's", "monday's"}
