"""The checks of the distributed runs find what is lost, doubled or leaked, and accept what is right."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.emulator import schema
from distributed.judge.crew import judge_crew
from distributed.judge.differences import compare
from distributed.judge.events import judge_events
from distributed.judge.journal import judge_journal
from distributed.judge.secrets import audit
from distributed.judge.store import Store
from distributed.load.crew import Crew
from distributed.load.metadata import AssetEventRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = "2026-11-30T00:00:00.000Z"
COMPLETED = "damstra://damstra_default/lesson.schedule.completed"
ACCESS_KEY = "0f8fad5bd9cb469f/a16570867728950e"


@pytest.fixture
def crew(tmp_path: Path) -> Crew:
    return Crew(name="C01", size=30, folder=tmp_path)


@pytest.fixture
def connection(crew: Crew) -> Iterator[sqlite3.Connection]:
    """Return a store in which the crew is trained as it should be."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(schema.SQL)
        _fill(database, crew)
        yield database


def _insert(database: sqlite3.Connection, table: str, **values: object) -> None:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))  # noqa: S608


def _fill(database: sqlite3.Connection, crew: Crew) -> None:
    dates = {"created_date": NOW, "modified_date": NOW}
    present = {person.employee_number: person for person in crew.roster}
    people = {person.employee_number: person for person in crew.people} | present
    names = {number: person.last_name for number, person in people.items()}
    names |= {"C01-900": "Of C01", "E1005": "Whitlam", "E1012": "Tran"}
    for user_id, (number, last_name) in enumerate(names.items(), 1):
        left = number in people and number not in present
        _insert(
            database,
            "users",
            id=user_id,
            user_name=number,
            employee_number=number,
            last_name=last_name,
            client_status_id=57 if left else 56,
            time_zone="Australia/Perth",
            **dates,
        )
    ids = {number: user_id for user_id, number in enumerate(names, 1)}
    _insert(database, "groups", id=1, name="Crew C01", description="People of crew C01", **dates)
    _insert(database, "groups", id=2, name="Former crew C01", description="To be closed", active=0, **dates)
    for number in present:
        _insert(database, "group_members", group_id=1, user_id=ids[number])
    _insert(database, "group_members", group_id=2, user_id=ids["E1012"])
    _insert(database, "group_supervisors", group_id=1, user_id=ids["E1005"])
    _insert_schedules(database, crew, ids, dates)
    _insert_sessions(database, crew, ids, dates)


def _insert_schedules(
    database: sqlite3.Connection, crew: Crew, ids: dict[str, int], dates: dict[str, str]
) -> None:
    for lesson_id in (201, 202, 203, 205):
        _insert(
            database,
            "lesson_versions",
            id=lesson_id,
            lesson_id=lesson_id,
            version=1,
            name=str(lesson_id),
            duration=1,
            status="active",
            questionnaire_type=18,
            question_count=1,
            questionnaire_pass_rate=80,
            chapter_count=1,
            **dates,
        )
    numbers = [person.employee_number for person in crew.people]
    trainings = [(number, lesson_id, NOW) for number in numbers for lesson_id in (201, 202)]
    trainings += [(number, 203, NOW) for number in numbers[:2]]
    trainings += [(number, 205, NOW) for number in crew.attendees]
    for number, lesson_id, completed in [*trainings, (crew.deregistered, 205, None)]:
        _schedule(database, ids[number], lesson_id, completed)


def _insert_sessions(
    database: sqlite3.Connection, crew: Crew, ids: dict[str, int], dates: dict[str, str]
) -> None:
    for session_id, location, status_id, notes in (
        (1, crew.room, 2, "Crew C01"),
        (2, crew.spare_room, 3, None),
    ):
        _insert(
            database,
            "ilt_sessions",
            id=session_id,
            instructor_id=1,
            status_id=status_id,
            location=location,
            notes=notes,
            start_datetime=NOW,
            end_datetime=NOW,
            starts_at=NOW,
            ends_at=NOW,
            **dates,
        )
    for number in crew.attendees:
        _insert(
            database,
            "ilt_attendees",
            session_id=1,
            user_id=ids[number],
            lesson_schedule_id=1,
            registering_user_id=1,
            passed=1,
            attended=1,
            **dates,
        )


def _schedule(database: sqlite3.Connection, user_id: int, version_id: int, completed: str | None) -> None:
    _insert(
        database,
        "lesson_schedules",
        user_id=user_id,
        lesson_version_id=version_id,
        start_date=NOW,
        end_date=NOW,
        lesson_completed_date=completed,
        created_date=NOW,
        modified_date=NOW,
    )


def test_trained_crew_is_accepted(connection: sqlite3.Connection, crew: Crew) -> None:
    assert judge_crew(Store(connection), crew) == []


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (
            "INSERT INTO lesson_schedules SELECT NULL, user_id, lesson_version_id, start_date, end_date,"
            " NULL, lesson_completed_date, NULL, 0, 1, NULL, created_date, modified_date"
            " FROM lesson_schedules WHERE id = 1",
            "lesson schedules of crew C01 (number, lesson, completed): doubled: ('C01-001', 201, 1)",
        ),
        (
            "DELETE FROM lesson_schedules WHERE id = 1",
            "lesson schedules of crew C01 (number, lesson, completed): lost: ('C01-001', 201, 1)",
        ),
        ("DELETE FROM group_members WHERE user_id = 1", "members of Crew C01: lost: C01-001"),
        (
            "INSERT INTO group_members SELECT 1, id FROM users WHERE employee_number = 'C01-900'",
            "members of Crew C01: unexpected: C01-900",
        ),
        (
            "INSERT INTO users SELECT NULL, 'copy', first_name, last_name, email_address, NULL, NULL,"
            " employee_number, 56, time_zone, NULL, created_date, modified_date FROM users WHERE id = 1",
            "users of crew C01 (number, last name, active): doubled: ('C01-001', 'NewC01', 1)",
        ),
        (
            "INSERT INTO ilt_sessions (instructor_id, status_id, location, notes, start_datetime,"
            " end_datetime, starts_at, ends_at, created_date, modified_date)"
            " VALUES (1, 2, 'Room C01', 'Crew C01', '', '', '', '', '', '')",
            "ILT sessions (location, status, notes): doubled: ('Room C01', 2, 'Crew C01')",
        ),
        (
            "UPDATE ilt_attendees SET passed = 0 WHERE user_id = 1",
            "attendees in Room C01 (number, attended, passed): lost: ('C01-001', 1, 1)",
        ),
        ("UPDATE groups SET active = 1", "groups (name, description, active): lost"),
    ],
    ids=[
        "schedule twice",
        "no schedule",
        "no member",
        "wrong member",
        "user twice",
        "session twice",
        "failed",
        "open",
    ],
)
def test_damaged_crew_is_reported(
    connection: sqlite3.Connection, crew: Crew, damage: str, finding: str
) -> None:
    connection.execute(damage)
    assert any(found.startswith(finding) for found in judge_crew(Store(connection), crew))


def event(number: int, schedule_id: int, *, runs: int = 1) -> AssetEventRow:
    payload = {"lesson_schedule_id": schedule_id}
    return AssetEventRow(id=number, uri=COMPLETED, extra={"payload": payload}, runs=runs)


def test_each_event_once_is_accepted() -> None:
    assert judge_events([event(1, 7), event(2, 8), event(3, 9)], watched=[7, 8]) == []


@pytest.mark.parametrize(
    ("events", "finding"),
    [
        ([event(1, 7)], "asset events of watched lesson schedules: lost: 8"),
        (
            [event(1, 7), event(2, 8), event(3, 8)],
            "asset events of watched lesson schedules: doubled: 8",
        ),
        (
            [event(1, 7), event(2, 8), event(3, 9), event(4, 9)],
            "asset events of other lesson schedules: doubled: lesson schedule 9",
        ),
        ([event(1, 7), event(2, 8, runs=0)], "asset events that started no DAG run: 2"),
        ([event(1, 7), event(2, 8, runs=2)], "asset events that started several DAG runs: 2"),
    ],
    ids=["lost", "doubled", "other doubled", "unused", "repeated"],
)
def test_lost_and_doubled_events_are_reported(events: list[AssetEventRow], finding: str) -> None:
    assert judge_events(events, watched=[7, 8]) == [finding]


def test_rows_that_no_task_reports_are_reported() -> None:
    journal = [{"rows": [{"table": "users", "id": user_id, "action": "insert"}]} for user_id in (1, 2)]
    assert judge_journal(journal, reported={"users": [1, 2]}) == []
    (finding,) = judge_journal(journal, reported={"users": [1]})
    assert finding.endswith("lost: 2")


def test_findings_show_some_examples() -> None:
    assert compare("numbers", [], range(7)) == ["numbers: lost: 0, 1, 2, 3, 4 and 2 others"]


@pytest.mark.parametrize(
    "text",
    [
        ACCESS_KEY,
        "0f8fad5bd9cb469f%2Fa16570867728950e",
        ACCESS_KEY.encode().hex(),
        *(
            base64.b64encode(f"{prefix}{ACCESS_KEY}: a".encode()).decode()
            for prefix in ("", "a", "ab", "abc")
        ),
    ],
    ids=["clear", "percent", "hex", "base64", "base64+1", "base64+2", "base64+3"],
)
def test_secret_in_a_file_is_reported_without_showing_it(tmp_path: Path, text: str) -> None:
    log, other = tmp_path / "worker.log", tmp_path / "other.log"
    log.write_bytes(b"\xff key=" + text.encode())
    other.write_text("nothing")
    result = audit({"access key": ACCESS_KEY}, files=iter([log, other]), arguments=["nothing"])
    assert result.findings == [f"access key is in {log}"]
    assert result.places == 3


def test_secret_in_arguments_and_pattern_in_a_file_are_reported(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("GET /touch/7?token=abc")
    result = audit(
        {"access key": ACCESS_KEY},
        patterns={"a login URL": rb"/touch/\d+\?token=\w"},
        files=iter([log]),
        arguments=[f"curl -H AccessKey:{ACCESS_KEY}"],
    )
    assert result.findings == ["a login URL is in " + str(log), "access key is in the arguments of a process"]


def test_short_secret_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too short"):
        audit({"password": "a"}, files=iter([]))
