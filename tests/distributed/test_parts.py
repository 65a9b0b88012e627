"""Small parts of the distributed runs: operations, rates, people, and the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from distributed.load.crew import Crew
from distributed.operations import CHANGING_OPERATIONS, operation_of
from distributed.report import render
from distributed.runs.measurements import highest_rate
from distributed.runs.result import RunResult


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/api/v2/user", "CreateUser"),
        ("PUT", "/api/v2/user/7", "UpdateUser"),
        ("POST", "/user/7", "UpdateUser"),
        ("POST", "/user/7/lesson_schedule", "ScheduleUser"),
        ("GET", "/user/7/lesson_schedule", "ListUserLessonSchedules"),
        ("GET", "/_emulator/journal", None),
    ],
)
def test_operation_of_a_request(method: str, path: str, operation: str | None) -> None:
    assert operation_of(method, path) == operation


def test_there_are_changing_operations_of_every_resource() -> None:
    expected = {
        "CreateUser",
        "BulkUserImport",
        "ScheduleUser",
        "CompleteLesson",
        "CreateGroup",
        "CreateIltSession",
    }
    assert expected <= CHANGING_OPERATIONS
    assert not any(name.startswith(("Get", "List", "Download")) for name in CHANGING_OPERATIONS)


def test_highest_rate_is_that_of_the_densest_window() -> None:
    assert highest_rate([0, 1, 2, 10, 10.5, 11, 11.5], window=2) == 2
    assert highest_rate([], window=2) == 0


def test_roster_has_leavers_newcomers_and_new_names() -> None:
    crew = Crew(name="C01", size=100, folder=Path())
    numbers = [person.employee_number for person in crew.roster]
    assert numbers == [f"C01-{number:03}" for number in (*range(1, 96), *range(101, 106))]
    assert sum(person.last_name == "NewC01" for person in crew.roster) == 10


def test_report_shows_findings_and_versions() -> None:
    results = [
        RunResult(title="Cohort", facts={"wall time": "3 s"}),
        RunResult(title="Chaos, seed 1", findings=["members of Crew C01: lost: C01-001"]),
    ]
    report = render(results, versions={"Redis": "7.0.15"}, seconds=61)
    assert "**1 findings**" in report
    assert "| wall time | 3 s |" in report
    assert "- **members of Crew C01: lost: C01-001**" in report
    assert "Redis 7.0.15" in report
    assert "nothing lost, doubled or leaked" in render(results[:1], versions={}, seconds=1)
