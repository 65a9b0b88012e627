"""Increments: nothing that is new is left out, and nothing else is written."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.incremental import Following, Increment, Run
from airflow_provider_damstra.exports.resources import RESOURCES

JANUARY, MARCH = "2026-01-31T12:00:00.000Z", "2026-03-31T12:00:00.000Z"


def row(number: int, modified: str | None = JANUARY, **members: Any) -> bytes:
    dates = {"modifiedDate": modified} if modified else {}
    return json.dumps({"id": number, **dates, **members}).encode()


def versions(*rows: bytes, resource: str = "users") -> bytes:
    """Return what an export of these rows leaves for the next."""
    file = io.BytesIO()
    with Increment(RESOURCES[resource], known=None) as first:
        assert list(first.new_rows([list(rows)])) == [list(rows)]
        first.write_versions(file)
    return file.getvalue()


def new(*rows: bytes, known: bytes, resource: str = "users", **options: bool) -> list[int]:
    with Increment(RESOURCES[resource], known=io.BytesIO(known), **options) as now:
        return [json.loads(bytes(one))["id"] for page in now.new_rows([list(rows)]) for one in page]


@pytest.mark.parametrize(
    ("before", "after", "is_new"),
    [
        (row(1), row(1), False),
        (row(1, JANUARY), row(1, MARCH), True),
        (row(1, MARCH), row(1, JANUARY), True),
        (row(1, JANUARY), row(1, None), True),
        (row(1, status="due"), row(1, status="overdue"), True),
        (row(1, lessonThumbnail="https://one"), row(1, lessonThumbnail="https://other"), False),
        (row(1, None, name="A"), row(1, None, name="A"), False),
        (row(1, None, name="A"), row(1, None, name="B"), True),
        (row(2), row(1), True),
    ],
)
def test_a_row_is_new_if_its_version_is_another(before: bytes, after: bytes, is_new: bool) -> None:
    assert new(after, known=versions(before)) == ([1] if is_new else [])


def test_all_rows_are_new_if_that_is_wanted() -> None:
    assert new(row(1), known=versions(row(1)), all_rows=True) == [1]


@pytest.mark.parametrize("resource", ["group_members", "group_supervisors"])
def test_somebody_who_joined_another_group_is_new_there(resource: str) -> None:
    one, other = row(1, groupId=5), row(1, groupId=6)
    known = versions(one, resource=resource)
    with Increment(RESOURCES[resource], known=io.BytesIO(known)) as now:
        assert list(now.new_rows([[one, other]])) == [[other]]


@pytest.mark.parametrize("all_rows", [False, True])
def test_a_row_on_two_pages_comes_once_and_its_last_version_counts(all_rows: bool) -> None:
    known = versions(row(1), row(4))
    one, two, changed, three, four = row(1), row(2, JANUARY), row(2, MARCH), row(3), row(4, MARCH)
    with Increment(RESOURCES["users"], known=io.BytesIO(known), all_rows=all_rows) as now:
        pages = list(now.new_rows([[one, two, three], [three, changed, four], [four, changed, one]]))
        kept = io.BytesIO()
        now.write_versions(kept)
    assert pages == [[*([one] if all_rows else []), two, three], [changed, four], []]
    assert new(one, changed, three, four, known=kept.getvalue()) == []


def test_a_row_that_is_twice_on_a_page_comes_once() -> None:
    assert new(row(1), row(2), row(2), row(1, MARCH), known=versions(row(3))) == [1, 2, 1]


def test_the_watermark_is_when_the_latest_was_modified() -> None:
    with Increment(RESOURCES["users"], known=None) as now:
        list(now.new_rows([[row(1, MARCH), row(2, JANUARY)], [row(3, None), row(4, "soon")]]))
        assert now.watermark == datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_what_is_gone_is_named_by_its_key() -> None:
    known = versions(row(1, groupId=5), row(2, groupId=5), resource="group_members")
    file = io.BytesIO()
    with Increment(RESOURCES["group_members"], known=io.BytesIO(known)) as now:
        list(now.new_rows([[row(2, groupId=5)], [row(1, groupId=6)]]))
        assert now.write_deleted(file) == 1
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [{"groupId": 5, "id": 1}]


def test_many_rows_in_a_page_are_told_apart() -> None:
    known = versions(*(row(number) for number in range(0, 3000, 2)))
    assert new(*map(row, range(3000)), known=known) == list(range(1, 3000, 2))


@pytest.mark.parametrize("broken", [b"{}", b"[1]", b'{"id":null}', b'{"id":"one"}'], ids=str)
def test_a_row_without_a_key_is_no_guess(broken: bytes) -> None:
    with (
        Increment(RESOURCES["users"], known=None) as now,
        pytest.raises(DamstraResponseError, match="row of users has no key") as caught,
    ):
        list(now.new_rows([[broken]]))
    assert caught.value.__context__ is None


MONDAY, TUESDAY = Run("monday", "2026-01-26T02:00:00+00:00"), Run("tuesday", "2026-01-27T02:00:00+00:00")
AFTER_TUESDAY = Following(watermark=JANUARY, versions="tuesday's", run=TUESDAY, compared_with="monday's")


@pytest.mark.parametrize(
    ("run", "versions_file"),
    [
        (Run("wednesday", "2026-01-28T02:00:00+00:00"), "tuesday's"),
        (Run("by hand"), "tuesday's"),
        (TUESDAY, "monday's"),
        (MONDAY, None),
    ],
    ids=str,
)
def test_a_run_is_compared_with_the_one_before(run: Run, versions_file: str | None) -> None:
    assert AFTER_TUESDAY.versions_for(run) == versions_file


def test_the_first_run_is_compared_with_none() -> None:
    assert Following.from_json(None).versions_for(MONDAY) is None


def test_what_is_kept_comes_back_and_names_the_files_it_needs() -> None:
    assert Following.from_json(json.loads(json.dumps(AFTER_TUESDAY.as_json()))) == AFTER_TUESDAY
    assert AFTER_TUESDAY.files() == {"tuesday's", "monday's"}
