"""Whether people are trained: who lacks which lesson, and how many have to be trained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Literal

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import IdentifierList, OptionalAwareDateTime
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraNotFoundError,
    affects_every_call,
    is_permanent,
)
from airflow_provider_damstra.requirements.evaluation import most_urgent_by_lesson
from airflow_provider_damstra.requirements.people import Person, read_passed_of, time_zone_of
from airflow_provider_damstra.requirements.status import ScheduleRecord, TrainingStatus
from airflow_provider_damstra.services.concurrency import map_concurrently, return_error
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.services.user_lookup import get_users
from airflow_provider_damstra.text import escape_unprintable

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.requirements.resolution import ResolvedRules
    from airflow_provider_damstra.requirements.status import Requirement

ACCEPTED_STATES = ("current", "expiring")
"""States in which a person is trained, by default."""

INACTIVE = "inactive"
"""Why an inactive user cannot be trained."""

_MAX_CLOCK_DIFFERENCE = timedelta(hours=1)


class GateArguments(RequestModel):
    """Who is checked, and at which time."""

    user_ids: IdentifierList
    """Ids of the users."""

    at: OptionalAwareDateTime
    """Time of the check; None is now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A user, and the requirements that the user has to meet.

    :param name: name and employee number, for messages.
    :param obstacle: why the user cannot be trained, whatever the lesson schedules are; empty otherwise.
    """

    user_id: int
    name: str
    time_zone: tzinfo
    requirements: tuple[Requirement, ...] = ()
    obstacle: str = ""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """Who is trained, and who is not.

    :param trained: ids of the users who meet all their requirements.
    :param untrained: for each other user a line with the name, the lessons, their states and dates.
    :param errors: of those, the users whose lesson schedules or certificates could not be read.
    """

    trained: list[int] = field(default_factory=list)
    untrained: dict[int, str] = field(default_factory=dict)
    errors: dict[int, DamstraError] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return the number of people."""
        return len(self.trained) + len(self.untrained)

    def error(self, message: str) -> DamstraError:
        """Return an error of a person who could not be checked, with a message about all of them.

        One that a retry may resolve is preferred, so that the task is retried.
        """
        errors = list(self.errors.values())
        error = next((one for one in errors if not is_permanent(one)), errors[0])
        error.args = (message,)
        return error


def find_candidates(
    client: SupportsCalls,
    user_ids: Sequence[int],
    rules: ResolvedRules,
    *,
    default_time_zone: tzinfo,
    on_no_requirements: Literal["untrained", "trained"] = "untrained",
) -> list[Candidate]:
    """Return the users with their requirements, in the order of the ids.

    Calls ``getUser`` for each user.

    :param default_time_zone: for users without a known one.
    :param on_no_requirements: whether a user for whom no rule is meant is trained.
    :raises DamstraNotFoundError: naming all users who do not exist.
    """
    users = get_users(client, user_ids)
    missing = [user_id for user_id in user_ids if user_id not in users]
    if len(missing) == 1:
        raise DamstraNotFoundError(f"User {missing[0]} does not exist.")
    if missing:
        raise DamstraNotFoundError(f"Users {format_ids(missing)} do not exist.")
    candidates = []
    for user in map(users.__getitem__, user_ids):
        requirements = rules.requirements_of(user)
        obstacle = "" if user.is_active else INACTIVE
        if not (obstacle or requirements or on_no_requirements == "trained"):
            obstacle = "no requirement is for this person"
        candidates.append(
            Candidate(
                user_id=user.id,
                name=describe_user(user),
                time_zone=time_zone_of(user, default_time_zone),
                requirements=requirements,
                obstacle=obstacle,
            )
        )
    return candidates


def describe_user(user: User) -> str:
    """Return the name of a user with the employee number, or else the id."""
    return f"{user.full_name} ({user.employee_number or f'user {user.id}'})"


def check_candidates(
    client: SupportsCalls,
    candidates: Sequence[Candidate],
    *,
    at: datetime | None,
    accepted_states: Collection[str] = ACCEPTED_STATES,
) -> GateResult:
    """Return who is trained at a time.

    Calls ``listUserLessonSchedules`` for each person without an obstacle, and ``downloadCertificate`` where a
    rule has ``require_passed``. A person whose data cannot be read is not trained.

    :param at: the time; None is now.
    :raises DamstraError: if a request failed for a reason that affects all, such as a refused key.
    """
    checked = [one for one in candidates if not one.obstacle]
    outcomes = map_concurrently(
        return_error(lambda one: _open_statuses(client, one, at, accepted_states)),
        checked,
        description="people checked",
    )
    by_id = {one.user_id: outcome for one, outcome in zip(checked, outcomes, strict=True)}
    result = GateResult()
    for candidate in candidates:
        outcome = by_id.get(candidate.user_id, candidate.obstacle)
        if not outcome:
            result.trained.append(candidate.user_id)
            continue
        result.untrained[candidate.user_id] = describe_untrained(candidate.name, outcome)
        if isinstance(outcome, DamstraError):
            if affects_every_call(outcome):
                raise outcome
            result.errors[candidate.user_id] = outcome
    return result


def _open_statuses(
    client: SupportsCalls, candidate: Candidate, at: datetime | None, accepted_states: Collection[str]
) -> list[TrainingStatus]:
    if not candidate.requirements:
        return []
    rows = client.iterate(ListUserLessonSchedules(user_id=candidate.user_id))
    records = [ScheduleRecord.from_row(row) for row in rows]
    person = Person(requirements=candidate.requirements, records=records, time_zone=candidate.time_zone)
    at = at or present_time(records)
    passed = read_passed_of(client, [person], at=at)
    return open_statuses(person.statuses(at=at, passed=passed), accepted_states)


def open_statuses(
    statuses: Iterable[TrainingStatus], accepted_states: Collection[str]
) -> list[TrainingStatus]:
    """Return of each lesson in another state the most urgent status; nothing if the person is trained."""
    return list(most_urgent_by_lesson(one for one in statuses if one.state not in accepted_states).values())


def present_time(records: Iterable[ScheduleRecord]) -> datetime:
    """Return the present time, not before anything in the records: the server's clock may be ahead."""
    now = datetime.now(UTC)
    times = [time for one in records for time in (one.created_at, one.completed_at) if time is not None]
    return max((time for time in times if now < time <= now + _MAX_CLOCK_DIFFERENCE), default=now)


def describe_count(trained: int, count: int, required: int) -> str:
    """Return how many people are trained, and how many have to be."""
    return f"{trained} of {count} people are trained, and at least {required} must be"


def describe_untrained(name: str, reason: str | DamstraError | Iterable[TrainingStatus]) -> str:
    """Return a line about a person: lessons with their states, dates and reasons, or the obstacle."""
    if isinstance(reason, DamstraError):
        reason = f"could not be checked: {reason}"
    if not isinstance(reason, str):
        lessons = (f"{one.requirement.lesson_name} {one.state} ({one.reason})" for one in reason)
        reason = ", ".join(lessons)
    return escape_unprintable(f"{name}: {reason}")
