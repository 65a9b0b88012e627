"""Training matrix: the deciding schedule of a lesson, and the contents of the files."""

from __future__ import annotations

import csv
import io
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
from airflow_provider_damstra.exports.training_matrix.data_files import to_csv, to_parquet
from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow
from airflow_provider_damstra.exports.training_matrix.page import to_html
from airflow_provider_damstra.exports.training_matrix.reading import (
    TrainingMatrixRequest,
    read_training_matrix,
)
from airflow_provider_damstra.exports.training_matrix.schedule_status import (
    ScheduleStatuses,
    cell_of,
    deciding_schedule,
)
from airflow_provider_damstra.models import Group, User, UserLessonSchedule
from tests.exports.matrices import HOSTILE, PERTH, matrix
from tests.services.fakes import FakeClient


def schedule(number: int, status: str | None, start: str | None, completed: str | None = None) -> Any:
    return UserLessonSchedule.model_validate(
        {"id": number, "lessonId": 1, "status": status, "startDate": start, "lessonCompletedDate": completed}
    )


JANUARY, MARCH, JUNE = (f"2026-{month:02}-01T00:00:00+0000" for month in (1, 3, 6))
DECIDING: list[tuple[str, list[Any], int]] = [
    ("the later one", [schedule(1, "overdue", JANUARY), schedule(2, "due", MARCH)], 2),
    ("the later one, first", [schedule(2, "due", MARCH), schedule(1, "overdue", JANUARY)], 2),
    ("done, and due again", [schedule(1, "completed", JANUARY, JANUARY), schedule(2, "overdue", MARCH)], 2),
    ("done after the other", [schedule(1, "completed", JANUARY, JUNE), schedule(2, "overdue", MARCH)], 1),
    ("not begun yet", [schedule(1, "overdue", JANUARY), schedule(2, "scheduled", JUNE)], 1),
    ("nothing has begun", [schedule(1, "scheduled", JUNE), schedule(2, "scheduled", MARCH)], 1),
    ("cancelled later", [schedule(1, "due", JANUARY), schedule(2, "cancelled", JUNE)], 1),
    ("cancelled, and one to come", [schedule(1, "cancelled", MARCH), schedule(2, "scheduled", JUNE)], 2),
    ("all cancelled", [schedule(1, "cancelled", MARCH), schedule(2, "cancelled", JANUARY)], 1),
    ("without dates the newer id", [schedule(1, "due", None), schedule(2, "overdue", None)], 2),
]


@pytest.mark.parametrize(("rows", "expected"), [case[1:] for case in DECIDING], ids=[c[0] for c in DECIDING])
def test_deciding_schedule_is_latest_started(rows: list[Any], expected: int) -> None:
    assert deciding_schedule(rows).id == expected


@pytest.mark.parametrize(
    ("status", "completed", "word"),
    [
        ("due", None, "due"),
        ("scheduled", None, "scheduled"),
        ("overdue", None, "overdue"),
        ("overdue", MARCH, "completed"),
        ("completed", None, "completed"),
        ("cancelled", None, "cancelled"),
        ("expired", None, "expired"),
        (None, None, "open"),
    ],
)
def test_cell_status_is_state_or_api_status(status: str | None, completed: str | None, word: str) -> None:
    assert cell_of(schedule(1, status, JANUARY, completed)).status == word


def test_csv_contains_all_values_and_escapes_formulas() -> None:
    content = to_csv(matrix(), time_zone=PERTH)
    header, first, second = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert content.startswith(b"\xef\xbb\xbfuser_id,")
    assert header == [
        *("user_id", "employee_number", "name", "active", "groups"),
        *(f"'=HYPERLINK() [1] {column}" for column in ("status", "due", "completed")),
        *(f"{HOSTILE} [2] {column}" for column in ("status", "due", "completed")),
    ]
    groups = f"'+{HOSTILE}; B"
    assert first == [
        *("7", "'-7", HOSTILE, "no", groups),
        *("completed", "2026-04-01", "2026-04-01", "not scheduled", "", ""),
    ]
    assert second == [
        *("8", "'@8", '\'=cmd() Ng,\n"Zoë"', "yes", groups),
        *("not scheduled", "", "", "expired <b>", "", ""),
    ]


def test_csv_has_no_formula_where_semicolons_separate_cells() -> None:
    user = User.model_validate({"id": 7, "firstName": "Bob;=HYPERLINK(1)", "employeeNumber": "\uff1d7"})
    row = MatrixRow(user=user, groups=(Group(id=1, name="A"), Group(id=2, name="-B")), cells={})
    content = to_csv(replace(matrix(), rows=[row]), time_zone=PERTH).decode("utf-8-sig")
    assert content.splitlines()[1].startswith("7,'\uff1d7,Bob;'=HYPERLINK(1),yes,A; '-B,")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:00:00Z"])
def test_date_at_end_of_calendar_is_written(text: str) -> None:
    time, day = datetime.fromisoformat(text), text[:10]
    one = replace(matrix(), rows=[replace(matrix().rows[0], cells={1: MatrixCell(status="due", due=time)})])
    for time_zone in (timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))):
        assert day.encode() in to_csv(one, time_zone=time_zone)
        assert day.encode() in to_html(one, time_zone=time_zone)
        table = parquet.read_table(io.BytesIO(to_parquet(one, time_zone=time_zone)))
        assert table.to_pylist()[0]["=HYPERLINK() [1] due"] == time.date()


def test_counts_equal_number_of_cells_by_status() -> None:
    assert matrix().counts() == {"not scheduled": 2, "completed": 1, "expired <b>": 1}


def test_schedules_without_a_lesson_are_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient(Group(id=1, name="Crew"), [User(id=7)])
    page = SimpleNamespace(parent_id=7, rows=[b'{"id": %d}' % number for number in range(1, 301)])
    reader: Any = nullcontext(SimpleNamespace(pages=lambda: [page]))
    at = datetime.fromisoformat(MARCH)
    completion = CompletionRequirements(require_passed=False, valid_for=None)
    found = read_training_matrix(
        client,
        TrainingMatrixRequest(group_id=1),
        at=at,
        read_schedules=lambda user_ids: reader,
        create_statuses=lambda: ScheduleStatuses(client, None, completion=completion, at=at),
    )
    assert [dict(row.cells) for row in found.rows] == [{}]
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert message.endswith("99, 100] and 200 more have no lesson id and are left out.")
