"""Rows of the seed ``demo``: a mining and construction company; all dates are relative to a given time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from airflow_provider_damstra.emulator import clock
from airflow_provider_damstra.emulator.schema import FIRST_IDS
from airflow_provider_damstra.models.user import ClientStatus, Role

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = 60_000  # lessons have their duration in milliseconds


@dataclass(frozen=True)
class SeedUser:
    """A user of the seed."""

    name: str
    roles: tuple[Role, ...] = (Role.TRAINEE,)
    client_status_id: ClientStatus = ClientStatus.ACTIVE


_STAFF = (
    SeedUser("Margaret Kelly", (Role.ADMIN, Role.OWNER)),
    # Damstra recommends such a user for completions that an integration records.
    SeedUser("Data Import", (Role.ADMIN,)),
    SeedUser("Priya Nair", (Role.ADMIN,)),
    SeedUser("Tom Gallagher", (Role.EDITOR,)),
    SeedUser("Sandra Whitlam", (Role.SUPERVISOR,)),
    SeedUser("Jack Doolan", (Role.SUPERVISOR,)),
    SeedUser("Mei Chen", (Role.SUPERVISOR, Role.TRAINEE)),
    SeedUser("Bruce Hartigan", (Role.INSTRUCTOR,)),
    SeedUser("Kirra Walker", (Role.INSTRUCTOR,)),
    SeedUser("Stefan Novak", (Role.SUPERVISOR, Role.INSTRUCTOR)),
)
_TRAINEE_NAMES = (
    "Liam Murphy, Olivia Tran, Noah Papadopoulos, Charlotte Ng, William Fraser, Amelia Singh, "
    "Jackson Reid, Isla McKenzie, Lachlan Byrne, Ruby Costa, Cooper Dawson, Matilda Hughes, Ethan "
    "Rossi, Zoe Petrov, Hamish Campbell, Tahlia Morgan, Angus Stewart, Georgia Lim, Darcy O'Brien, "
    "Jasmine Patel, Riley Thompson, Ella Kowalski, Mitchell Jones, Sienna Barbieri, Callum Hayes, "
    "Harper Nguyen, Bailey Watts"
)
_TRAINEES = tuple(SeedUser(name) for name in _TRAINEE_NAMES.split(", "))
_INACTIVE = tuple(
    SeedUser(name, client_status_id=ClientStatus.NOT_CURRENT)
    for name in ("Wayne Birch", "Doreen Mott", "Keith Tully")
)
USERS = (*_STAFF, *_TRAINEES, *_INACTIVE)
FIRST_NAMES = tuple(user.name.split()[0] for user in _TRAINEES)
LAST_NAMES = tuple(user.name.split()[1] for user in _TRAINEES)


def _rows(columns: str, *rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(columns.split(", "), row, strict=True)) for row in rows]


_FIRST_USER = FIRST_IDS["users"]
_FIRST_TRAINEE = _FIRST_USER + len(_STAFF)

GROUPS = _rows(
    "id, name, description, parent_id, active",
    (101, "Kalgoorlie Mine", "All employees at the open pit", None, 1),
    (102, "Pit Crew A", "Drill and blast, day shift", 101, 1),
    (103, "Pit Crew B", "Drill and blast, night shift", 101, 1),
    (104, "Haul Truck Operators", "Licensed for the 240-tonne trucks", 101, 1),
    (105, "Perth Construction", "All employees on the CBD sites", None, 1),
    (106, "Concrete Crew", "Formwork, pour and finish", 105, 1),
    (107, "Scaffolders", "Erecting and inspecting scaffolds", 105, 1),
    (108, "Night Shift 2019", "Closed", 101, 0),
)
_CREWS = (102, 103, 104, 106, 107)
GROUP_SUPERVISORS = tuple(
    {"group_id": group_id, "user_id": _FIRST_USER + index}
    for group_id, index in ((101, 4), (102, 4), (103, 5), (104, 5), (105, 6), (106, 6), (107, 9))
)

LESSONS = tuple({"id": lesson_id, "instructor_led": int(lesson_id == 205)} for lesson_id in range(201, 207))
_SITE_INDUCTION, _HEIGHTS, _MANUAL_HANDLING, _CONFINED_SPACE = 2002, 2003, 2005, 2007
_QUESTIONNAIRE = {
    "questionnaire_type": 18,
    "question_count": 8,
    "questionnaire_pass_rate": 80,
    "chapter_count": 5,
}
LESSON_VERSIONS = [
    {**version, **_QUESTIONNAIRE}
    for version in _rows(
        "id, lesson_id, version, name, duration, status, in_library",
        (2001, 201, 1, "Site Induction", 20 * _MINUTE, "inactive", 0),
        (_SITE_INDUCTION, 201, 2, "Site Induction", 25 * _MINUTE, "active", 0),
        (_HEIGHTS, 202, 1, "Working at Heights", 45 * _MINUTE, "active", 0),
        (2004, 202, 2, "Working at Heights", 50 * _MINUTE, "never", 0),
        (_MANUAL_HANDLING, 203, 1, "Manual Handling", 15 * _MINUTE, "active", 1),
        (2006, 204, 1, "Haul Truck Pre-start Checks", 30 * _MINUTE, "active", 0),
        (_CONFINED_SPACE, 205, 1, "Confined Space Entry (instructor-led)", 240 * _MINUTE, "active", 0),
        (2008, 206, 1, "Shotfirer Refresher 2019", 60 * _MINUTE, "inactive", 0),
    )
]
CUSTOM_FIELDS = _rows(
    "lesson_version_id, custom_field_id, custom_field_description, field_id, type, value",
    (_SITE_INDUCTION, 111, "Unit of competency", "customField1", "string", "RIIWHS201"),
)

# Start and end in days from now, how the schedule ended, and whether it was passed.
_OUTCOMES: tuple[tuple[int, int, str | None, bool | None], ...] = (
    (-30, -16, "completed", True),
    (-3, 11, None, None),
    (-30, -2, None, None),
    (5, 19, None, None),
    (-20, -6, "cancelled", None),
    (-25, -11, "completed", False),
)
# Version and trainee of completions two years ago, for recertification; a later schedule was cancelled.
_LONG_AGO = (-735, -721, "completed", True)
_COMPLETED_LONG_AGO = ((_HEIGHTS, 3), (_HEIGHTS, 21), (_SITE_INDUCTION, 16), (_SITE_INDUCTION, 22))
_PAST, _RUNNING, _UPCOMING = range(FIRST_IDS["ilt_sessions"], FIRST_IDS["ilt_sessions"] + 3)
# The session of each trainee of the instructor-led lesson; the last two are not registered yet.
_SESSION_IDS = (*[_PAST] * 4, *[_RUNNING] * 4, *[_UPCOMING] * 2, None, None)
_FIRST_ILT_SCHEDULE = FIRST_IDS["lesson_schedules"]


def group_members() -> list[dict[str, int]]:
    """Return the members of the crews, and of the sites that the crews belong to."""
    parents = {group["id"]: group["parent_id"] for group in GROUPS}
    crews = [_CREWS[index % len(_CREWS)] for index in range(len(_TRAINEES) + len(_INACTIVE))]
    return [
        {"group_id": group_id, "user_id": user_id}
        for user_id, crew in enumerate(crews, _FIRST_TRAINEE)
        for group_id in (crew, parents[crew])
    ]


def lesson_schedules(now: datetime) -> list[dict[str, Any]]:
    """Return lesson schedules in every status; none is for Haul Truck Pre-start Checks."""
    rows = [_ilt_schedule(index, now) for index in range(len(_SESSION_IDS))]
    lessons = enumerate((_SITE_INDUCTION, _HEIGHTS, _MANUAL_HANDLING))
    for (offset, version_id), index in product(lessons, range(len(_TRAINEES))):
        outcome = _OUTCOMES[(index + offset) % len(_OUTCOMES)]
        rows.append(_schedule(_FIRST_TRAINEE + index, version_id, outcome, now))
    rows += (
        _schedule(_FIRST_TRAINEE + index, version_id, _LONG_AGO, now)
        for version_id, index in _COMPLETED_LONG_AGO
    )
    return [{"id": schedule_id, **row} for schedule_id, row in enumerate(rows, _FIRST_ILT_SCHEDULE)]


def _ilt_schedule(index: int, now: datetime) -> dict[str, Any]:
    """Return a schedule for the instructor-led lesson; the fourth trainee of the past session failed."""
    passed = _SESSION_IDS[index] == _PAST and index != 3
    outcome = (-12, 16, "completed", True) if passed else (-21, 21, None, None)
    return _schedule(_FIRST_TRAINEE + index, _CONFINED_SPACE, outcome, now)


def _schedule(
    user_id: int, version_id: int, outcome: tuple[int, int, str | None, bool | None], now: datetime
) -> dict[str, Any]:
    start, end, final_status, passed = outcome
    finished = clock.format_utc_milliseconds(now + (start + 5) * _DAY)
    created = clock.format_utc_milliseconds(now + min(-35, start - 5) * _DAY)
    is_completed = final_status == "completed"
    return {
        "user_id": user_id,
        "lesson_version_id": version_id,
        "start_date": clock.format_utc_milliseconds(now + start * _DAY),
        "end_date": clock.format_utc_milliseconds(now + end * _DAY),
        "lesson_started_date": finished if is_completed else None,
        "lesson_completed_date": finished if is_completed else None,
        "lesson_completed_by": user_id if is_completed else None,
        "passed": passed,
        "cancelled_date": finished if final_status == "cancelled" else None,
        "created_date": created,
        "modified_date": finished if final_status else created,
    }


def ilt_sessions(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield a past and completed session, a running one and an upcoming one."""
    first_instructor = _FIRST_USER + 7
    created = clock.format_utc_milliseconds(now - 20 * _DAY)
    for session_id, begins, status, instructor, places, location in (
        (_PAST, -7 * _DAY, 2, first_instructor, None, "Kalgoorlie Training Centre, Room 1"),
        (_RUNNING, -_HOUR, 1, first_instructor + 1, None, "Kalgoorlie Training Centre, Room 2"),
        (_UPCOMING, 7 * _DAY, 1, first_instructor, 8, "Perth CBD, Level 3"),
    ):
        start = (now + begins).astimezone(clock.ACCOUNT_TZINFO).replace(second=0, microsecond=0)
        end = start + 4 * _HOUR
        yield {
            "id": session_id,
            "lesson_id": 205,
            "instructor_id": instructor,
            "status_id": status,
            "number_of_places": places,
            "location": location,
            "notes": "Bring your own harness",
            "start_datetime": clock.format_local_milliseconds(start),
            "end_datetime": clock.format_local_milliseconds(end),
            "starts_at": clock.format_utc_milliseconds(start),
            "ends_at": clock.format_utc_milliseconds(end),
            "created_date": created,
            "modified_date": created,
        }


def ilt_attendees(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the attendees of the sessions; in the past one all attended and one failed."""
    registered = clock.format_utc_milliseconds(now - 15 * _DAY)
    for index, session_id in enumerate(_SESSION_IDS):
        if session_id is not None:
            yield {
                "session_id": session_id,
                "user_id": _FIRST_TRAINEE + index,
                "lesson_schedule_id": _FIRST_ILT_SCHEDULE + index,
                "registering_user_id": _FIRST_USER,
                "passed": int(session_id == _PAST and index != 3),
                "attended": int(session_id == _PAST),
                "created_date": registered,
                "modified_date": registered,
            }
