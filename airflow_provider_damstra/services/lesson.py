"""Lessons: find the versions that can be scheduled, schedule users, and record completions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.endpoints.lesson_schedule import (
    CompleteLesson,
    LessonScheduleFilter,
    ListUserLessonSchedules,
    ScheduleUser,
)
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Argument,
    CountAsString,
    IdentifierList,
    OptionalIdentifierList,
    OptionalUtcDateTime,
)
from airflow_provider_damstra.errors import (
    DamstraConflictError,
    DamstraError,
    DamstraNotFoundError,
    DamstraRequestError,
)
from airflow_provider_damstra.models.lesson_schedule import GracePeriodUnit
from airflow_provider_damstra.services.concurrency import map_concurrently, return_error
from airflow_provider_damstra.services.idempotency import get_or_create

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
    from airflow_provider_damstra.services.intent_log import RecordingClient

    FindExisting = Callable[[ScheduleUser, Sequence[UserLessonSchedule]], dict[int, UserLessonSchedule]]
    """Return by lesson version the schedules because of which versions of a request are not scheduled."""

_MAX_CLOCK_SKEW = timedelta(minutes=5)


class LessonAssignment(RequestModel):
    """Users, the lessons that they are to do (or versions of them), and the time they have."""

    user_ids: IdentifierList
    lesson_version_ids: OptionalIdentifierList = OMITTED
    lesson_ids: OptionalIdentifierList = OMITTED
    grace_period: CountAsString
    grace_period_unit: Argument[GracePeriodUnit | Literal["days", "months"], GracePeriodUnit]
    schedule_date: OptionalUtcDateTime = OMITTED

    def requests(self, client: SupportsCalls) -> list[ScheduleUser]:
        """Return a request for each user; lessons are looked up once for all."""
        versions = self.lesson_version_ids or _newest_versions(client, self.lesson_ids or ())
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


def _newest_versions(client: SupportsCalls, lesson_ids: Sequence[int]) -> tuple[int, ...]:
    """Return for each lesson the id of its newest version that can be scheduled.

    :raises DamstraError: naming every lesson that does not exist or cannot be scheduled.
    """
    listed = list(client.iterate(ListLessons(lesson_ids=lesson_ids)))
    versions = {lesson_id: [row for row in listed if row.lesson_id == lesson_id] for lesson_id in lesson_ids}
    unknown = [str(lesson_id) for lesson_id, rows in versions.items() if not rows]
    if unknown:
        raise DamstraNotFoundError(f"Lesson {', '.join(unknown)} does not exist; no user was scheduled.")
    active = {
        lesson_id: [row for row in rows if row.can_be_scheduled] for lesson_id, rows in versions.items()
    }
    closed = {lesson_id: rows[-1] for lesson_id, rows in versions.items() if not active[lesson_id]}
    if closed:
        names = ", ".join(f"{lesson_id} ({row.name}: {row.status})" for lesson_id, row in closed.items())
        raise DamstraRequestError(
            f"Lesson {names} cannot be scheduled, only an active lesson can; no user was scheduled."
        )
    return tuple(max(rows, key=lambda row: row.version or 0).lesson_version_id for rows in active.values())


@dataclass(frozen=True, kw_only=True)
class ScheduleResult:
    """The lesson schedules of one user.

    :param created: ids of the schedules that this task created, in this try or an earlier one.
    :param created_versions: the lesson versions of these.
    :param existing: ids of the schedules that existed before.
    """

    user_id: int
    created: list[int] = field(default_factory=list)
    created_versions: list[int] = field(default_factory=list)
    existing: list[int] = field(default_factory=list)

    @property
    def lesson_schedule_ids(self) -> list[int]:
        """Return the ids of all schedules that the user now has for the lessons."""
        return sorted({*self.created, *self.existing})


@dataclass(frozen=True, kw_only=True)
class SchedulePlan:
    """Existing schedules of one user by lesson version, and the request for the missing ones, or None.

    :param own_versions: lesson versions to which earlier tries of the task scheduled the user.
    """

    user_id: int
    existing: dict[int, UserLessonSchedule]
    own_versions: set[int]
    request: ScheduleUser | None

    def result(
        self, *, created: Iterable[int] = (), found: Mapping[int, UserLessonSchedule] | None = None
    ) -> ScheduleResult:
        """Return the result; what earlier tries created counts as created.

        :param created: ids of the schedules that this try created.
        :param found: further existing schedules by lesson version.
        """
        rows = {**self.existing, **(found or {})}
        own = {version: row for version, row in rows.items() if version in self.own_versions}
        requested = self.request.lesson_version_ids if self.request else ()
        return ScheduleResult(
            user_id=self.user_id,
            created=sorted([*created, *_ids(own)]),
            created_versions=sorted({*own, *(version for version in requested if version not in rows)}),
            existing=_ids({version: row for version, row in rows.items() if version not in own}),
        )


def schedule_users(
    client: RecordingClient,
    requests: Sequence[ScheduleUser],
    *,
    if_exists: str = "return",
    if_completed: str = "schedule",
    since: datetime | None = None,
    find_existing: FindExisting | None = None,
) -> tuple[list[ScheduleResult], dict[int, DamstraError]]:
    """Schedule users to the lessons that they are not scheduled to yet, several users concurrently.

    All schedules are read first. The server rejects a second open schedule for the same lesson version.

    :param if_exists: ``return`` open schedules, or ``fail`` for the user who has some that no earlier try of
        the task created. With ``fail``, no user is scheduled unless all schedules could be read.
    :param if_completed: ``schedule`` again what was completed before, or ``skip`` it.
    :param since: start of the DAG run: what was scheduled and completed since then is not scheduled again.
    :param find_existing: returns what is not scheduled again, given a request and all of the user's
        schedules; default open schedules, and what was scheduled and completed ``since``.
    :return: the results, and the errors of the other users by user id.
    """
    find = find_existing or partial(_find_existing, since=since)
    plan = partial(_plan, client, find=find, if_exists=if_exists, if_completed=if_completed)
    client.intents.read()
    plans = map_concurrently(return_error(plan), requests, description="users looked up")
    if if_exists == "fail":
        _raise_read_error(plans)
    with client.intents.batch(
        plan.request for plan in plans if isinstance(plan, SchedulePlan) and plan.request
    ):
        send = return_error(partial(_send, client, find=find))
        outcomes = map_concurrently(send, plans, description="users scheduled")
    results = [outcome for outcome in outcomes if isinstance(outcome, ScheduleResult)]
    failed = {
        request.user_id: outcome
        for request, outcome in zip(requests, outcomes, strict=True)
        if isinstance(outcome, DamstraError)
    }
    return results, failed


def _plan(
    client: RecordingClient, request: ScheduleUser, *, find: FindExisting, if_exists: str, if_completed: str
) -> SchedulePlan:
    rows = _list_schedules(client, request)
    existing = find(request, rows)
    if if_exists == "fail":
        _validate_none_open(client, request, existing)
    if if_completed == "skip":
        existing = _by_version(request, (row for row in rows if row.is_completed)) | existing
    others = {version for version, row in existing.items() if row.id in client.intents.found_earlier}
    return SchedulePlan(
        user_id=request.user_id,
        existing=existing,
        own_versions=client.intents.ids_sent(request) - others,
        request=_without(request, existing),
    )


def _send(
    client: RecordingClient, plan: SchedulePlan | DamstraError, *, find: FindExisting
) -> ScheduleResult:
    """Send the request of a plan; raise the error because of which there is none.

    After a conflict, or when the outcome is unknown, the schedules are read again, and one more request is
    sent for what is missing.
    """
    if isinstance(plan, DamstraError):
        raise plan
    request = plan.request
    if request is None:
        return plan.result()
    try:
        created = client.call(request)
    except DamstraError as error:
        is_conflict = isinstance(error, DamstraConflictError)
        if not (is_conflict or error.outcome_unknown):
            raise
    else:
        return plan.result(created=created)
    found = find(request, _list_schedules(client, request))
    rest = _without(request, found)
    if is_conflict:
        # Another client created them; with if_exists="fail", the next try must accept them.
        client.intents.add_found(_ids(found))
    added = client.call(rest) if rest else []
    if is_conflict:
        return plan.result(created=added, found=found)
    # The request whose response was lost created what is found.
    return plan.result(created=[*added, *_ids(found)])


def _validate_none_open(
    client: RecordingClient, request: ScheduleUser, existing: Mapping[int, UserLessonSchedule]
) -> None:
    own, found = client.intents.ids_sent(request), client.intents.found_earlier
    others = sorted(
        row.id
        for version, row in existing.items()
        if row.is_open and version not in own and row.id not in found
    )
    if others:
        raise DamstraConflictError(f"User {request.user_id} has open lesson schedules already: {others}.")


def _raise_read_error(plans: Iterable[SchedulePlan | DamstraError]) -> None:
    """Raise the first error after which it is unknown whether a user has open schedules."""
    known = (SchedulePlan, DamstraConflictError, DamstraNotFoundError)
    for plan in plans:
        if not isinstance(plan, known):
            raise plan


def _list_schedules(client: SupportsCalls, request: ScheduleUser) -> list[UserLessonSchedule]:
    return list(client.iterate(ListUserLessonSchedules(user_id=request.user_id)))


def _find_existing(
    request: ScheduleUser, rows: Iterable[UserLessonSchedule], *, since: datetime | None
) -> dict[int, UserLessonSchedule]:
    """Return the schedules that a request would create, by lesson version."""
    found = (row for row in rows if row.is_open or _was_completed_since(row, request, since=since))
    return _by_version(request, found)


def _by_version(request: ScheduleUser, rows: Iterable[UserLessonSchedule]) -> dict[int, UserLessonSchedule]:
    wanted = request.lesson_version_ids
    return {version: row for row in rows if (version := row.lesson_version_id) in wanted and version}


def _was_completed_since(row: UserLessonSchedule, request: ScheduleUser, *, since: datetime | None) -> bool:
    """Return whether this DAG run created a schedule that has been completed since: tasks are run again."""
    if not row.is_completed:
        return False
    if request.schedule_date is not None:
        return row.start_date is not None and row.start_date.replace(microsecond=0) == request.schedule_date
    if since is None or row.created_date is None or row.lesson_completed_date is None:
        return False
    # `since` is Airflow's clock, the dates are Damstra's. Both dates count: an old completion may have been
    # entered from paper only now.
    return min(row.created_date, row.lesson_completed_date) >= since - _MAX_CLOCK_SKEW


def _without(request: ScheduleUser, rows: Mapping[int, UserLessonSchedule]) -> ScheduleUser | None:
    """Return the request for the lesson versions that are not among the rows, or None if there are none."""
    missing = tuple(version for version in request.lesson_version_ids if version not in rows)
    return request.model_copy(update={"lesson_version_ids": missing}) if missing else None


def _ids(rows: Mapping[int, UserLessonSchedule]) -> list[int]:
    return sorted(row.id for row in rows.values())


def complete_lesson(client: RecordingClient, request: CompleteLesson) -> tuple[list[int], bool]:
    """Return the ids of the completed schedules, and whether this task recorded the completion."""
    return get_or_create(client, request, find=partial(_find_completed, client, request))


def _find_completed(client: SupportsCalls, request: CompleteLesson) -> list[int] | None:
    """Return the ids of the lesson's schedules that were completed at the same second."""
    query = ListUserLessonSchedules(user_id=request.user_id, status=LessonScheduleFilter.COMPLETED)
    return [row.id for row in client.iterate(query) if _is_same_completion(row, request)] or None


def _is_same_completion(row: UserLessonSchedule, request: CompleteLesson) -> bool:
    completed = row.lesson_completed_date
    return (
        request.lesson_id in (None, row.lesson_id)
        and request.lesson_version_id in (None, row.lesson_version_id)
        and completed is not None
        and completed.replace(microsecond=0) == request.completed_date
    )
