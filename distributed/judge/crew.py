"""Check of a crew: each user, member, schedule and session is there once, as its DAG defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distributed.judge.differences import compare

if TYPE_CHECKING:
    from distributed.judge.store import Store
    from distributed.load.crew import Crew

ONLINE_LESSON_IDS = (201, 202)
PAPER_LESSON_ID, CLASSROOM_LESSON_ID = 203, 205
COMPLETED_SESSION, CANCELLED_SESSION = 2, 3
ACTIVE = 56


def judge_crew(store: Store, crew: Crew) -> list[str]:
    """Return what is lost, doubled or unexpected in the emulator's store."""
    return [
        *_users(store, crew),
        *_groups(store, crew),
        *_members(store, crew),
        *_schedules(store, crew),
        *_sessions(store, crew),
    ]


def _users(store: Store, crew: Crew) -> list[str]:
    rows = store.fetch(
        "SELECT employee_number, last_name, client_status_id = :active FROM users"
        " WHERE employee_number LIKE :prefix",
        active=ACTIVE,
        prefix=f"{crew.name}-%",
    )
    present = {person.employee_number: person.last_name for person in crew.roster}
    left = {person.employee_number: person.last_name for person in crew.people} | present
    expected = [(number, name, int(number in present)) for number, name in left.items()]
    visitor = (f"{crew.name}-900", f"Of {crew.name}", 1)
    return compare(f"users of crew {crew.name} (number, last name, active)", rows, [*expected, visitor])


def _groups(store: Store, crew: Crew) -> list[str]:
    rows = store.fetch(
        "SELECT name, description, active FROM groups WHERE name IN (:crew, :former)",
        crew=crew.group,
        former=crew.former_group,
    )
    expected = [
        (crew.group, f"People of crew {crew.name}", 1),
        (crew.former_group, "To be closed", 0),
    ]
    return compare("groups (name, description, active)", rows, expected)


def _members(store: Store, crew: Crew) -> list[str]:
    query = (
        "SELECT users.employee_number FROM {table} AS link JOIN groups ON groups.id = link.group_id"
        " JOIN users ON users.id = link.user_id WHERE groups.name = :group"
    )
    members = store.values(query.format(table="group_members"), group=crew.group)
    supervisors = store.values(query.format(table="group_supervisors"), group=crew.group)
    former = store.values(query.format(table="group_members"), group=crew.former_group)
    present = [person.employee_number for person in crew.roster]
    return [
        *compare(f"members of {crew.group}", members, present),
        *compare(f"supervisors of {crew.group}", supervisors, ["E1005"]),
        *compare(f"members of {crew.former_group}", former, ["E1012"]),
    ]


def _schedules(store: Store, crew: Crew) -> list[str]:
    rows = store.fetch(
        "SELECT users.employee_number, version.lesson_id, schedule.lesson_completed_date IS NOT NULL"
        " FROM lesson_schedules AS schedule JOIN users ON users.id = schedule.user_id"
        " JOIN lesson_versions AS version ON version.id = schedule.lesson_version_id"
        " WHERE users.employee_number LIKE :prefix",
        prefix=f"{crew.name}-%",
    )
    numbers = [person.employee_number for person in crew.people]
    expected = [(number, lesson_id, 1) for number in numbers for lesson_id in ONLINE_LESSON_IDS]
    expected += [(number, PAPER_LESSON_ID, 1) for number in numbers[:2]]
    expected += [(number, CLASSROOM_LESSON_ID, 1) for number in crew.attendees]
    expected += [(crew.deregistered, CLASSROOM_LESSON_ID, 0)]
    return compare(f"lesson schedules of crew {crew.name} (number, lesson, completed)", rows, expected)


def _sessions(store: Store, crew: Crew) -> list[str]:
    sessions = store.fetch(
        "SELECT location, status_id, notes FROM ilt_sessions WHERE location IN (:room, :spare)",
        room=crew.room,
        spare=crew.spare_room,
    )
    attendees = store.fetch(
        "SELECT users.employee_number, attendee.attended, attendee.passed FROM ilt_attendees AS attendee"
        " JOIN users ON users.id = attendee.user_id"
        " JOIN ilt_sessions AS session ON session.id = attendee.session_id WHERE session.location = :room",
        room=crew.room,
    )
    expected = [
        (crew.room, COMPLETED_SESSION, f"Crew {crew.name}"),
        (crew.spare_room, CANCELLED_SESSION, None),
    ]
    return [
        *compare("ILT sessions (location, status, notes)", sessions, expected),
        *compare(
            f"attendees in {crew.room} (number, attended, passed)",
            attendees,
            [(number, 1, 1) for number in crew.attendees],
        ),
    ]
