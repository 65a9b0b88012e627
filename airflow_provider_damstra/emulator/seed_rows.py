"""Rows of the store for a seed file, and the problems that only its whole content shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_damstra.emulator import clock
from airflow_provider_damstra.emulator.moments import resolve
from airflow_provider_damstra.emulator.schema import FIRST_IDS
from airflow_provider_damstra.emulator.seed_document import SeedDocument, SeedSchedule, SeedSession, SeedUser
from airflow_provider_damstra.models.ilt_session import IltSessionStatus
from airflow_provider_damstra.models.user import ClientStatus, Role

if TYPE_CHECKING:
    from airflow_provider_damstra.yaml_documents import Location, Positions

Row = dict[str, Any]

_OWNER = SeedUser(
    first_name="Margaret",
    last_name="Kelly",
    email_address="margaret.kelly@example.com",
    roles=["owner", "admin"],
)
_CREATED_BEFORE = timedelta(days=365)


class _Item(Protocol):
    @property
    def id(self) -> int | None: ...


def build_rows(document: SeedDocument, positions: Positions, now: datetime) -> dict[str, list[Row]]:
    """Return the rows of each table, in an order in which they can be inserted.

    :param now: what the offsets of the file are relative to.
    :raises ValueError: naming every problem with its position.
    """
    builder = _Builder(document, now)
    rows = builder.build()
    if builder.problems:
        raise positions.error([f"{positions.describe(place)}: {text}" for place, text in builder.problems])
    return rows


class _Builder:
    """Builds the rows of one document and collects its problems."""

    def __init__(self, document: SeedDocument, now: datetime) -> None:
        self.problems: list[tuple[Location, str]] = []
        self._document = document
        self._now = now
        created = clock.format_utc_milliseconds(now - _CREATED_BEFORE)
        self._dates = {"created_date": created, "modified_date": created}
        owners = [] if any("owner" in user.roles for user in document.users) else [_OWNER]
        self._users = [*document.users, *owners]
        self._user_ids = self._ids("users", self._users, [user.login for user in self._users], "user_name")
        names = [group.name for group in document.groups]
        self._group_ids = self._ids("groups", document.groups, names, "name")
        names = [lesson.name for lesson in document.lessons]
        self._lesson_ids = self._ids("lessons", document.lessons, names, "name")
        self._version_ids = dict(
            zip(
                self._lesson_ids,
                _assign(FIRST_IDS["lesson_versions"], [lesson.version_id for lesson in document.lessons]),
                strict=False,
            )
        )
        self._schedule_ids = _assign(
            FIRST_IDS["lesson_schedules"], [schedule.id for schedule in document.lesson_schedules]
        )

    def build(self) -> dict[str, list[Row]]:
        """Return the rows of each table."""
        return {
            "users": [self._user(user) for user in self._users],
            "user_roles": [
                {"user_id": self._user_ids[user.login.casefold()], "role_id": Role[role.upper()].value}
                for user in self._users
                for role in dict.fromkeys(user.roles)
            ],
            "groups": list(self._groups()),
            "group_members": list(self._associations("members")),
            "group_supervisors": list(self._associations("supervisors")),
            "lessons": [
                {"id": self._lesson_ids[lesson.name.casefold()], "instructor_led": lesson.instructor_led}
                for lesson in self._document.lessons
            ],
            "lesson_versions": list(self._versions()),
            "lesson_schedules": list(self._schedules()),
            "ilt_sessions": list(self._sessions()),
            "ilt_attendees": list(self._attendees()),
        }

    def _problem(self, text: str, *place: str | int) -> None:
        self.problems.append((place, text))

    def _ids(self, table: str, items: Sequence[_Item], names: Sequence[str], key: str) -> dict[str, int]:
        """Return the id of each item by its name; names and given ids must be unique."""
        seen: set[int] = set()
        ids: dict[str, int] = {}
        for index, (item, name, item_id) in enumerate(
            zip(items, names, _assign(FIRST_IDS[table], [item.id for item in items]), strict=True)
        ):
            if name.casefold() in ids:
                self._problem(f"{name!r} is there twice", table, index, key)
            if item.id is not None and item.id in seen:
                self._problem(f"the id {item.id} is there twice", table, index, "id")
            seen.add(item_id)
            ids.setdefault(name.casefold(), item_id)
        return ids

    def _find(self, ids: Mapping[str, int], kind: str, name: str, *place: str | int) -> int:
        """Return the id for a name; an unknown name is a problem."""
        found = ids.get(name.casefold())
        if found is None:
            self._problem(f"there is no {kind} {name!r} in this file", *place)
        return found or 0

    def _resolve(
        self, moment: datetime | timedelta, *place: str | int, after: datetime | None = None
    ) -> datetime:
        """Return the time of a moment; one that is out of range is a problem.

        :param after: what an offset is relative to; by default the time of the clock.
        """
        start = after or self._now
        try:
            return resolve(moment, start)
        except ValueError as error:
            self._problem(str(error), *place)
            return start

    def _user(self, user: SeedUser) -> Row:
        status = ClientStatus.ACTIVE if user.active else ClientStatus.NOT_CURRENT
        return {
            "id": self._user_ids[user.login.casefold()],
            "user_name": user.login,
            **user.model_dump(
                include={"first_name", "last_name", "email_address", "employee_number", "mobile_number"}
            ),
            "client_status_id": status.value,
            "time_zone": clock.ACCOUNT_TIME_ZONE,
            **self._dates,
        }

    def _groups(self) -> Iterator[Row]:
        for index, group in enumerate(self._document.groups):
            parent = None
            if group.parent is not None:
                parent = self._find(self._group_ids, "group", group.parent, "groups", index, "parent")
            group_id = self._group_ids[group.name.casefold()]
            if parent == group_id:
                self._problem("it is the group itself", "groups", index, "parent")
            row = {"id": group_id, "parent_id": parent, "name": group.name, "active": group.active}
            yield {**row, "description": group.description, **self._dates}

    def _associations(self, key: str) -> Iterator[Row]:
        for index, group in enumerate(self._document.groups):
            for number, name in enumerate(dict.fromkeys(getattr(group, key))):
                user_id = self._find(self._user_ids, "user", name, "groups", index, key, number)
                yield {"group_id": self._group_ids[group.name.casefold()], "user_id": user_id}

    def _versions(self) -> Iterator[Row]:
        for lesson in self._document.lessons:
            name = lesson.name.casefold()
            yield {
                "id": self._version_ids[name],
                "lesson_id": self._lesson_ids[name],
                "version": 1,
                "name": lesson.name,
                "duration": lesson.minutes * 60_000,
                "status": lesson.status.value,
                "questionnaire_type": 18,
                "question_count": 8,
                "questionnaire_pass_rate": 80,
                "chapter_count": 5,
                **self._dates,
            }

    def _schedules(self) -> Iterator[Row]:
        open_schedules: set[tuple[int, int]] = set()
        for index, schedule in enumerate(self._document.lesson_schedules):
            place = ("lesson_schedules", index)
            user_id = self._find(self._user_ids, "user", schedule.user, *place, "user")
            version_id = self._find(self._version_ids, "lesson", schedule.lesson, *place, "lesson")
            if schedule.completed is not None and schedule.cancelled is not None:
                self._problem("it is completed and cancelled", *place, "cancelled")
            if schedule.completed is None and schedule.cancelled is None and user_id and version_id:
                if (user_id, version_id) in open_schedules:
                    self._problem("the user has an open schedule for the lesson already", *place)
                open_schedules.add((user_id, version_id))
            yield {
                "id": self._schedule_ids[index],
                "user_id": user_id,
                "lesson_version_id": version_id,
                **self._schedule_dates(schedule, index),
                "lesson_completed_by": None if schedule.completed is None else user_id,
                "passed": None if schedule.completed is None else schedule.passed,
                **self._dates,
            }

    def _schedule_dates(self, schedule: SeedSchedule, index: int) -> Row:
        place = ("lesson_schedules", index)
        given = {name: getattr(schedule, name) for name in ("started", "completed", "cancelled")}
        texts = {
            name: None
            if moment is None
            else clock.format_utc_milliseconds(self._resolve(moment, *place, name))
            for name, moment in given.items()
        }
        start = self._resolve(schedule.start, *place, "start")
        end = self._resolve(schedule.grace_period, *place, "grace_period", after=start)
        return {
            "start_date": clock.format_utc_milliseconds(start),
            "end_date": clock.format_utc_milliseconds(end),
            "lesson_started_date": texts["started"] or texts["completed"],
            "lesson_completed_date": texts["completed"],
            "cancelled_date": texts["cancelled"],
        }

    def _session_ids(self) -> list[int]:
        return _assign(FIRST_IDS["ilt_sessions"], [session.id for session in self._document.ilt_sessions])

    def _sessions(self) -> Iterator[Row]:
        ids = self._session_ids()
        for index, session in enumerate(self._document.ilt_sessions):
            place = ("ilt_sessions", index)
            self._check_instructor(session, index)
            start = self._resolve(session.start, *place, "start").astimezone(clock.ACCOUNT_TZINFO)
            end = self._resolve(session.duration, *place, "duration", after=start)
            yield {
                "id": ids[index],
                "lesson_id": self._find(self._lesson_ids, "lesson", session.lesson, *place, "lesson"),
                "instructor_id": self._find(self._user_ids, "user", session.instructor, *place, "instructor"),
                "status_id": IltSessionStatus[session.status.upper()].value,
                "number_of_places": session.places,
                "location": session.location,
                "notes": session.notes,
                "start_datetime": clock.format_local_milliseconds(start),
                "end_datetime": clock.format_local_milliseconds(end),
                "starts_at": clock.format_utc_milliseconds(start),
                "ends_at": clock.format_utc_milliseconds(end),
                **self._dates,
            }

    def _check_instructor(self, session: SeedSession, index: int) -> None:
        login = session.instructor.casefold()
        instructor = next((user for user in self._users if user.login.casefold() == login), None)
        if instructor is not None and not (instructor.active and "instructor" in instructor.roles):
            text = f"{session.instructor!r} is not an active user with the role instructor"
            self._problem(text, "ilt_sessions", index, "instructor")

    def _attendees(self) -> Iterator[Row]:
        schedules = {
            (schedule.user.casefold(), schedule.lesson.casefold()): schedule_id
            for schedule, schedule_id in zip(self._document.lesson_schedules, self._schedule_ids, strict=True)
        }
        ids = self._session_ids()
        for index, session in enumerate(self._document.ilt_sessions):
            if session.places is not None and len(session.attendees) > session.places:
                self._problem("there are more attendees than places", "ilt_sessions", index, "attendees")
            for number, attendee in enumerate(session.attendees):
                place = ("ilt_sessions", index, "attendees", number, "user")
                schedule_id = schedules.get((attendee.user.casefold(), session.lesson.casefold()))
                if schedule_id is None:
                    self._problem(f"{attendee.user!r} has no schedule for {session.lesson!r}", *place)
                yield {
                    "session_id": ids[index],
                    "user_id": self._find(self._user_ids, "user", attendee.user, *place),
                    "lesson_schedule_id": schedule_id,
                    "registering_user_id": min(self._user_ids.values()),
                    "passed": attendee.passed,
                    "attended": attendee.attended,
                    **self._dates,
                }


def _assign(first_id: int, given: Sequence[int | None]) -> list[int]:
    """Return an id for each item: the given one, or else the next that no item has."""
    taken = {item_id for item_id in given if item_id is not None}
    free = (number for number in range(first_id, first_id + 2 * len(given) + 1) if number not in taken)
    return [next(free) if item_id is None else item_id for item_id in given]
