"""Training matrices for the tests of their files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_damstra.emulator.demo_seed import USERS
from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow, TrainingMatrix
from airflow_provider_damstra.models import Group, User
from airflow_provider_damstra.requirements.status import TrainingState

PERTH = ZoneInfo("Australia/Perth")
EVENING = datetime(2026, 3, 31, 20, tzinfo=UTC)  # the next morning in Perth
HOSTILE = "<script>alert(1)</script>\"'&"


GROUPS = (Group(id=11, name=f"+{HOSTILE}"), Group(id=12, name="B"))


def matrix(*, status: str = "expired <b>") -> TrainingMatrix:
    """Return a matrix with markup, formulas and line breaks in every text."""
    users = [
        {"id": 7, "firstName": HOSTILE, "employeeNumber": "-7", "clientStatusId": 57},
        {"id": 8, "firstName": "=cmd()", "lastName": 'Ng,\n"Zoë"', "employeeNumber": "@8"},
    ]
    cells = (
        {1: MatrixCell(status="completed", due=EVENING, completed=EVENING)},
        {2: MatrixCell(status=status)},
    )
    rows = [
        MatrixRow(user=User.model_validate(user), groups=GROUPS, cells=one)
        for user, one in zip(users, cells, strict=True)
    ]
    return TrainingMatrix(
        group=Group(id=1, name=HOSTILE),
        lessons={1: "=HYPERLINK()", 2: HOSTILE},
        rows=rows,
        at=EVENING,
    )


def requirement_matrix() -> TrainingMatrix:
    """Return a matrix of training rules: two people, one in two groups, and a lesson not required of them."""
    first, second = Group(id=1, name="A"), Group(id=2, name="B")
    current = MatrixCell(
        status="current",
        completed=EVENING,
        valid_through=date(2027, 4, 1),
        reason="Yearly: completed on 2026-04-01, valid through 2027-04-01",
    )
    expired = MatrixCell(
        status="expired",
        completed=EVENING.replace(year=2025, hour=2),
        valid_through=date(2026, 3, 30),
        due=EVENING,
        reason="Yearly: completed on 2025-03-31, valid through 2026-03-30; scheduled, due 2026-04-01",
    )
    missing = MatrixCell(status="missing", reason="Yearly: not completed; not scheduled")
    overdue = MatrixCell(
        status="overdue", due=EVENING, reason="Yearly: not completed; overdue since 2026-03-31"
    )
    rows = [
        MatrixRow(
            user=User(id=7, first_name="Ada", employee_number="E1"),
            groups=(first, second),
            cells={1: current, 2: expired},
            time_zone=PERTH,
        ),
        MatrixRow(
            user=User(id=8, first_name="Bob"), groups=(first,), cells={1: missing, 2: overdue}, time_zone=UTC
        ),
    ]
    lessons = {1: "Induction", 2: "Heights", 3: "Pit"}
    return TrainingMatrix(group=first, lessons=lessons, rows=rows, at=EVENING, has_requirements=True)


def large_matrix(people: int, *, lessons: int) -> TrainingMatrix:
    """Return a matrix of training rules with people in ten crews, of whom every tenth has no number."""
    groups = [Group(id=number, name=f"Crew {number}") for number in range(10)]
    statuses = [*[str(state) for state in TrainingState], "not required", "current"]
    rows = [
        MatrixRow(
            user=User(
                id=number,
                first_name=f"Person {number:04}",
                employee_number=f"E{number * 7 % people}" if number % 10 else None,
            ),
            groups=(groups[number % 10],),
            cells={
                lesson: _cell(statuses[(number * lesson + number // 7) % len(statuses)], number + lesson)
                for lesson in range(1, lessons + 1)
            },
            time_zone=PERTH,
        )
        for number in range(people)
    ]
    names = {lesson: f"Lesson {lesson}" for lesson in range(1, lessons + 1)}
    return TrainingMatrix(group=groups[0], lessons=names, rows=rows, at=EVENING, has_requirements=True)


def crew_matrix() -> TrainingMatrix:
    """Return the matrix of the documentation: fifteen trainees of two crews by four lessons."""
    crews = (Group(id=102, name="Pit Crew A"), Group(id=103, name="Pit Crew B"))
    lessons = ("Site Induction", "Working at Heights", "Manual Handling", "Confined Space Entry")
    statuses = (
        "current",
        "current",
        "expiring",
        "current",
        "missing",
        "assigned",
        "current",
        "expired",
        "overdue",
    )
    rows = []
    for number, trainee in enumerate(sorted(USERS[10:25], key=lambda user: user.name)):
        first_name, last_name = trainee.name.split(" ", 1)
        user = User(
            id=1011 + number, first_name=first_name, last_name=last_name, employee_number=f"E{1011 + number}"
        )
        cells = {
            lesson: _crew_cell(statuses[(number * 5 + lesson * 7) % len(statuses)], number * 7 + lesson * 3)
            for lesson in range(1, len(lessons) + 1)
        }
        if number % 2:
            cells[4] = MatrixCell(status="not required")
        rows.append(MatrixRow(user=user, groups=(crews[number % 2],), cells=cells, time_zone=PERTH))
    return TrainingMatrix(
        group=Group(id=101, name="Kalgoorlie Mine"),
        lessons=dict(enumerate(lessons, start=1)),
        rows=rows,
        at=EVENING,
        has_requirements=True,
    )


def _crew_cell(status: str, days: int) -> MatrixCell:
    """Return a cell with dates that fit its status, for trainings that are valid for a year.

    :param days: differ between cells.
    """
    if status in ("missing", "assigned", "overdue"):
        due = {"assigned": days % 14 + 1, "overdue": -days % 14 - 14}.get(status)
        return MatrixCell(status=status, due=EVENING + timedelta(days=due) if due else None)
    age = {"current": days * 2 + 20, "expiring": 345 + days % 20, "expired": 370 + days % 20}[status]
    completed = EVENING - timedelta(days=age)
    return MatrixCell(
        status=status, completed=completed, valid_through=completed.date() + timedelta(days=365)
    )


def _cell(status: str, days: int) -> MatrixCell:
    """Return a cell with the dates of its status."""
    completed = EVENING - timedelta(days=days % 300)
    through = completed.date() + timedelta(days=365)
    reason = f"Site rules: completed on {completed.date()}, valid through {through}; not scheduled"
    if status in ("current", "expiring", "expired"):
        return MatrixCell(status=status, completed=completed, valid_through=through, reason=reason)
    reason = "Site rules: not completed; not scheduled"
    if status == "not required":
        return MatrixCell(status=status)
    is_due = status in ("assigned", "overdue")
    return MatrixCell(status=status, due=completed if is_due else None, reason=reason)
