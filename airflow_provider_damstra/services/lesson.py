"""Which version of a lesson is meant, and who is scheduled to it: what is missing, never twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.endpoints.lesson_schedule import (
    CompleteLesson,
    LessonScheduleFilter,
    ListUserLessonSchedules,
    ScheduleUser,
)
from airflow_provider_damstra.endpoints.types import (
    Digits,
    IdentifierList,
    Name,
    UtcDateTime,
    validate_unique,
)
from airflow_provider_damstra.errors import (
    DamstraConflictError,
    DamstraError,
    DamstraNotFoundError,
    DamstraRequestError,
)
from airflow_provider_damstra.models.lesson_schedule import GracePeriodUnit, UserLessonSchedule
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.services.idempotency import SupportsCalls, get_or_create

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from airflow_provider_damstra.models.lesson import Lesson
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


LessonNames = Annotated[
    tuple[Name, ...], BeforeValidator(_one_or_more), AfterValidator(validate_unique), Field(min_length=1)
]

_CLOCKS_DIFFER_BY = timedelta(minutes=5)


class LessonAssignment(RequestModel):
    """Which users are to do which lessons, and until when. The lessons are named in one of three ways."""

    user_ids: IdentifierList
    lesson_version_ids: IdentifierList | None = None
    lesson_ids: IdentifierList | None = None
    lesson_names: LessonNames | None = None
    grace_period: Digits
    grace_period_unit: GracePeriodUnit
    schedule_date: UtcDateTime | None = None

    def calls(self, client: SupportsCalls) -> list[ScheduleUser]:
        """Return a request for each user; lessons named otherwise than by version are looked up once."""
        versions = self.lesson_version_ids or self._looked_up(client)
        return [
            ScheduleUser(
                user_id=user_id,
                lesson_version_ids=versions,
                grace_period=self.grace_period,
                grace_period_unit=self.grace_period_unit,
                schedule_date=self.schedule_date,
            )
            for user_id in self.user_ids
        ]

    def _looked_up(self, client: SupportsCalls) -> tuple[int, ...]:
        if self.lesson_ids:
            return tuple(versions_by_id(client, self.lesson_ids))
        return tuple(versions_by_name(client, self.lesson_names or ()))


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """What became of scheduling one user.

    :param created: ids of the schedules that were created here.
    :param existing: ids of the open schedules that were there before.
    """

    user_id: int
    created: list[int] = field(default_factory=list)
    existing: list[int] = field(default_factory=list)

    @property
    def lesson_schedule_ids(self) -> list[int]:
        """Return the ids of all schedules that the user now has for the lessons."""
        return sorted({*self.created, *self.existing})


def versions_by_id(client: SupportsCalls, lesson_ids: Sequence[int]) -> list[int]:
    """Return for each lesson the id of its newest version that can be scheduled.

    :raises DamstraError: naming every lesson that does not exist or cannot be scheduled.
    """
    rows = list(client.iterate(ListLessons(lesson_ids=tuple(lesson_ids))))
    return _newest({str(one): [row for row in rows if row.lesson_id == one] for one in lesson_ids})


def versions_by_name(client: SupportsCalls, names: Sequence[str]) -> list[int]:
    """Return for each lesson name the id of its newest version that can be scheduled.

    :raises DamstraError: naming every lesson that does not exist, is not unique or cannot be scheduled.
    """
    found = {
        repr(name): [row for row in client.iterate(ListLessons(q=name)) if row.name == name] for name in names
    }
    for name, rows in found.items():
        ids = {row.lesson_id for row in rows if row.can_be_scheduled}
        if len(ids) > 1:
            raise DamstraConflictError(
                f"{len(ids)} lessons are named {name} ({', '.join(map(str, ids))}): name one by id."
            )
    return _newest(found)


def _newest(rows_by_lesson: dict[str, list[Lesson]]) -> list[int]:
    unknown = [lesson for lesson, rows in rows_by_lesson.items() if not rows]
    if unknown:
        raise DamstraNotFoundError(f"Lesson {', '.join(unknown)} does not exist; nobody was scheduled.")
    closed = {
        lesson: rows[-1]
        for lesson, rows in rows_by_lesson.items()
        if not any(row.can_be_scheduled for row in rows)
    }
    if closed:
        names = ", ".join(f"{lesson} ({row.name}: {row.status})" for lesson, row in closed.items())
        raise DamstraRequestError(
            f"Lesson {names} cannot be scheduled, only an active lesson can; nobody was scheduled."
        )
    return [
        max((row for row in rows if row.can_be_scheduled), key=lambda row: row.version or 0).lesson_version_id
        for rows in rows_by_lesson.values()
    ]


def open_schedules(client: SupportsCalls, calls: Sequence[ScheduleUser]) -> list[int]:
    """Return the ids of the open schedules that the calls' users have of what is wanted.

    :raises DamstraError: if a user's schedules could not be read. One who does not exist has none.
    """

    def rows_of(call: ScheduleUser) -> list[UserLessonSchedule]:
        try:
            return _wanted_rows(client, call)
        except DamstraNotFoundError:
            return []

    found = map_concurrently(rows_of, calls, description="users looked up")
    return [row.id for rows in found for row in rows if row.is_open]


def schedule_users(
    client: SupportsCalls, calls: Sequence[ScheduleUser], **rules: Any
) -> tuple[list[Scheduled], dict[int, DamstraError]]:
    """Schedule several users, and return what became of those it worked for and the errors of the others.

    RequestModel are those of ``schedule_user``.
    """
    outcomes = map_concurrently(
        lambda call: schedule_user(client, call, **rules),
        calls,
        description="users scheduled",
        return_errors=True,
    )
    done = [outcome for outcome in outcomes if isinstance(outcome, Scheduled)]
    failed = {
        call.user_id: outcome
        for call, outcome in zip(calls, outcomes, strict=True)
        if isinstance(outcome, DamstraError)
    }
    return done, failed


def schedule_user(
    client: SupportsCalls,
    call: ScheduleUser,
    *,
    refused: Collection[int] = (),
    if_completed: str = "schedule",
    since: datetime | None = None,
) -> Scheduled:
    """Schedule one user to what it is not scheduled to yet.

    The user's schedules are read first, and again when the server says that one exists or nobody knows
    whether the request was carried out; then one more request is made for what is missing. The server has no
    two open schedules for one lesson version, so that this does nothing twice.

    :param refused: ids of schedules that must not be there already.
    :param if_completed: ``schedule`` again what was completed before, or ``skip`` it.
    :param since: a completed schedule that was created since then is the one that is wanted, and no older
        one.
    """
    rows = _wanted_rows(client, call)
    existing = _present(rows, call, since=since)
    unwelcome = [one for one in _ids(existing) if one in refused]
    if unwelcome:
        raise DamstraConflictError(f"User {call.user_id} has open lesson schedules already: {unwelcome}.")
    if if_completed == "skip":
        existing = _by_version(row for row in rows if row.is_completed) | existing
    missing = _without(call, existing)
    if missing is None:
        return Scheduled(user_id=call.user_id, existing=_ids(existing))
    try:
        return Scheduled(user_id=call.user_id, created=client.call(missing), existing=_ids(existing))
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
    found = _present(_wanted_rows(client, missing), missing, since=since)
    rest = _without(missing, found)
    added = client.call(rest) if rest else []
    # After a lost answer what is found was created by it; after a conflict somebody else did.
    ours, others = ({}, found) if is_conflict else (found, {})
    return Scheduled(
        user_id=call.user_id,
        created=sorted([*added, *_ids(ours)]),
        existing=sorted([*_ids(existing), *_ids(others)]),
    )


def _wanted_rows(client: SupportsCalls, call: ScheduleUser) -> list[UserLessonSchedule]:
    """Return the user's schedules of the lesson versions that the call names."""
    rows = client.iterate(ListUserLessonSchedules(user_id=call.user_id))
    return [row for row in rows if row.lesson_version_id in call.lesson_version_ids]


def _present(
    rows: Iterable[UserLessonSchedule], call: ScheduleUser, *, since: datetime | None
) -> dict[int, UserLessonSchedule]:
    """Return the schedules that are what the call wants, by lesson version."""
    return _by_version(row for row in rows if row.is_open or _is_done(row, call, since=since))


def _by_version(rows: Iterable[UserLessonSchedule]) -> dict[int, UserLessonSchedule]:
    return {row.lesson_version_id: row for row in rows if row.lesson_version_id is not None}


def _is_done(row: UserLessonSchedule, call: ScheduleUser, *, since: datetime | None) -> bool:
    """Return whether a schedule is what the call wants, and completed by now: steps are run again."""
    if not row.is_completed:
        return False
    if call.schedule_date is not None:
        return row.start_date is not None and row.start_date.replace(microsecond=0) == call.schedule_date
    if since is None or row.created_date is None or row.lesson_completed_date is None:
        return False
    # Two clocks: Airflow's says since when, Damstra's when. An old completion that was entered from paper
    # only just now is not what is wanted.
    return min(row.created_date, row.lesson_completed_date) >= since - _CLOCKS_DIFFER_BY


def _without(call: ScheduleUser, rows: Mapping[int, UserLessonSchedule]) -> ScheduleUser | None:
    """Return the call for what is not among the rows, or None if that is nothing."""
    missing = tuple(version for version in call.lesson_version_ids if version not in rows)
    return call.model_copy(update={"lesson_version_ids": missing}) if missing else None


def _ids(rows: Mapping[int, UserLessonSchedule]) -> list[int]:
    return sorted(row.id for row in rows.values())


def complete_lesson(client: SupportsCalls, wanted: CompleteLesson) -> tuple[list[int], bool]:
    """Return the ids of the completed schedules, and whether the completion was recorded here."""
    return get_or_create(client, wanted, find=lambda: _completed(client, wanted))


def _completed(client: SupportsCalls, wanted: CompleteLesson) -> list[int] | None:
    """Return the schedules of the lesson that were completed at that second: the API keeps no more."""
    rows = client.iterate(
        ListUserLessonSchedules(user_id=wanted.user_id, status=LessonScheduleFilter.COMPLETED)
    )
    return [row.id for row in rows if _is_it(row, wanted)] or None


def _is_it(row: UserLessonSchedule, wanted: CompleteLesson) -> bool:
    same_lesson = wanted.lesson_id in (None, row.lesson_id)
    same_version = wanted.lesson_version_id in (None, row.lesson_version_id)
    moment = row.lesson_completed_date
    same_second = moment is not None and moment.replace(microsecond=0) == wanted.completed_date
    return same_lesson and same_version and same_second
