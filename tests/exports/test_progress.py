"""Progress lines: count, rate and time left."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_damstra.exports.reader import Progress


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _log_level_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_progress_with_total_shows_time_left(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    progress = Progress(
        "lesson_schedules", "users", total=lambda: 50_000, done_before=20_000, clock=lambda: now[0]
    )
    progress.add(100, rows=250)
    assert messages(caplog) == []
    now[0] = 10.0
    progress.add(900, rows=2_250)
    assert messages(caplog) == [
        "lesson_schedules: 21000 of 50000 users, 2500 rows, 100 users a second, 0:04:50 left"
    ]
    progress.add(1)
    assert len(messages(caplog)) == 1


def test_progress_without_total_shows_rate(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    progress = Progress("users", "rows", clock=lambda: now[0])
    now[0] = 5.0
    progress.add(1000)
    assert messages(caplog) == ["users: 1000 rows, 200 rows a second"]
