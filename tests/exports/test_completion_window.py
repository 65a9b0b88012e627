"""The completed lesson schedules of a period, from rows of any shape."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_damstra.exports.completions.window import CompletionWindow, completed_schedules
from airflow_provider_damstra.exports.reader import RowPage

WINDOW = CompletionWindow(completed_from="2026-01-01T00:00:00Z", completed_to="2026-02-01T00:00:00Z")


def page(user_id: int, *rows: dict[str, Any] | bytes, is_last: bool = False) -> RowPage:
    return RowPage(
        user_id, [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows], is_last
    )


def row(schedule_id: int, completed: str | None = "2026-01-15T00:00:00Z", **fields: Any) -> dict[str, Any]:
    return {"id": schedule_id, "lessonCompletedDate": completed, **fields}


def read(*pages: RowPage) -> tuple[list[list[tuple[int, int | None]]], dict[int, str]]:
    """Return id and user id of each found schedule, in batches, and the failed users."""
    reader: Any = SimpleNamespace(pages=lambda: iter(pages), failed={})
    batches = [
        [(one.id, one.row.user_id if one.row else None) for one in batch]
        for batch in completed_schedules(reader, WINDOW)
    ]
    return batches, reader.failed


@pytest.mark.parametrize(
    ("completed", "is_found"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01T07:59:59+08:00", False),
        ("2026-01-31T23:59:59.999Z", True),
        ("2026-02-01T00:00:00Z", False),
        (None, False),
        ("", False),
    ],
)
def test_period_includes_its_start_and_not_its_end(completed: str | None, is_found: bool) -> None:
    assert read(page(7, row(1, completed)))[0] == ([[(1, 7)]] if is_found else [])


def test_row_is_found_once_with_the_user_of_its_listing() -> None:
    pages = (
        page(7, row(1), row(2, userId=7), row(1)),
        page(8, row(3)),
        page(7, row(2), row(4)),
        page(7, is_last=True),
    )
    assert read(*pages) == ([[(1, 7), (2, 7)], [(3, 8)], [(4, 7)]], {})


def test_row_that_cannot_be_read_stops_no_other() -> None:
    batches, failed = read(page(7, b"{}", row(1)), page(8, row(2)))
    assert batches == [[(1, 7)], [(2, 8)]]
    assert failed == {7: "a lesson schedule cannot be read: id: Field required"}


def test_completion_without_time_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    read(page(7, row(1, None)))
    assert "Lesson schedule 1 has no time of completion, and is left out." in caplog.text
