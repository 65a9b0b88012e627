"""The condition that people have the lessons that training rules require of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import (
    AT_ANY_TIME,
    OpenItem,
    PollResult,
    Query,
    QueryFilter,
    user_schedules_query,
)
from airflow_provider_damstra.conditions.completion import create_completion_rule
from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate, ListUserLessonSchedules
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.timestamps import to_time_zone
from airflow_provider_damstra.requirements.evaluation import end_of_day
from airflow_provider_damstra.requirements.gate import (
    ACCEPTED_STATES,
    INACTIVE,
    describe_count,
    describe_untrained,
    describe_user,
    open_statuses,
    present_time,
)
from airflow_provider_damstra.requirements.people import Person
from airflow_provider_damstra.requirements.serialization import load_candidates
from airflow_provider_damstra.requirements.status import ScheduleRecord, TrainingState
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation import parse_share, required_count

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import ScheduleState
    from airflow_provider_damstra.requirements.gate import Candidate
    from airflow_provider_damstra.requirements.status import TrainingStatus

_MAX_OBSTACLES_IN_MESSAGE = 5
_MISSING = "does not exist"
_ALWAYS = datetime.max.replace(tzinfo=UTC)


class _Progress:
    """A person of the gate, and what is known so far.

    :ivar rows: the lesson schedules of the required lessons, or None before they are read.
    :ivar trained_until: when the statuses may change; None is not trained.
    :ivar certificates: schedules whose certificates decide.
    :ivar is_assigned: whether the person is trained because of an open schedule, which may be cancelled.
    :ivar is_confirmed: whether the person is active, looked up since enough people are trained.
    """

    __slots__ = (
        "certificates",
        "is_assigned",
        "is_confirmed",
        "name",
        "obstacle",
        "requirements",
        "rows",
        "time_zone",
        "trained_until",
        "user_id",
    )

    def __init__(self, candidate: Candidate) -> None:
        self.user_id = candidate.user_id
        self.name = candidate.name
        self.time_zone = candidate.time_zone
        self.requirements = candidate.requirements
        self.obstacle = candidate.obstacle
        self.rows: tuple[ScheduleState, ...] | None = None
        self.trained_until = None if candidate.obstacle or candidate.requirements else _ALWAYS
        self.certificates: tuple[int, ...] = ()
        self.is_assigned = self.is_confirmed = False

    @property
    def label(self) -> str:
        """Return the person's name, or else what is known of it, for messages."""
        user_name = next((row.user_name for row in self.rows or () if row.user_name), "")
        return self.name or (f"{user_name} (user {self.user_id})" if user_name else f"user {self.user_id}")

    def person(self) -> Person:
        """Return what the statuses depend on."""
        records = [_record(row) for row in self.rows or ()]
        return Person(requirements=self.requirements, records=records, time_zone=self.time_zone)


class TrainingGateCondition:
    """Condition met when enough people are trained.

    A person's lesson schedules are listed until the person is trained, and further on while a lesson counts
    that is only assigned. Certificates are requested where a requirement needs a passed test. When enough
    people are trained, one more request for each of them makes sure that they are active.

    :param people: the people, as ``dump_candidates`` returns them.
    :param requirements: their requirements, as ``dump_candidates`` returns them.
    :param at: time at which they have to be trained, in ISO 8601; None, and once it has passed, is now.
    :param threshold: required share of the people, above 0 and up to 1.
    :param accepted_states: states in which a lesson counts.
    :param passed_schedule_ids: schedules that are known to have a certificate.
    :raises ValueError: if an argument has another form.
    """

    __slots__ = (
        "_accepted_states",
        "_at",
        "_people_by_certificate",
        "_progress",
        "_required",
        "completion_rule",
    )

    def __init__(
        self,
        *,
        people: str,
        requirements: str,
        at: str | None = None,
        threshold: float | str = 1.0,
        accepted_states: Collection[str] = ACCEPTED_STATES,
        passed_schedule_ids: Collection[int] = (),
    ) -> None:
        candidates = load_candidates(people, requirements)
        if not candidates:
            raise ValueError("people is empty")
        self._progress = {candidate.user_id: _Progress(candidate) for candidate in candidates}
        self._people_by_certificate: dict[int, _Progress] = {}
        self._required = required_count(parse_share("threshold", threshold), len(candidates))
        self._at = None if at is None else datetime.fromisoformat(at)
        self._accepted_states = tuple(accepted_states)
        self.completion_rule = create_completion_rule(
            require_passed=any(
                one.require_passed for candidate in candidates for one in candidate.requirements
            ),
            valid_for=None,
            passed_schedule_ids=passed_schedule_ids,
        )

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the listings and certificates of people who are not trained now, or look-ups of the others.

        Time is considered here only, so that ``evaluate`` agrees with the queries.
        """
        queries: dict[Query, QueryFilter] = {}
        if self._is_out_of_reach():
            return queries
        now = datetime.now(UTC)
        for one in self._progress.values():
            if one.trained_until is not None and one.trained_until <= now:
                self._evaluate(one)
        for one in self._progress.values():
            if one.obstacle or (one.trained_until is not None and not one.is_assigned):
                continue
            queries[user_schedules_query(one.user_id)] = AT_ANY_TIME
            queries |= dict(map(self.completion_rule.certificate_query, one.certificates))
        trained = self._trained()
        is_enough = len(trained) >= self._required
        for one in trained:
            # The others may need weeks: who is active now has to be looked up again then.
            one.is_confirmed = one.is_confirmed and is_enough
            if is_enough and not one.is_confirmed:
                queries[GetUser(user_id=one.user_id)] = AT_ANY_TIME
        return queries

    def update(self, query: Query, response: Any) -> None:
        """Store a person's schedules, a certificate, or whether the person is active."""
        if isinstance(query, DownloadCertificate):
            self.completion_rule.update(query, response)
            person = self._people_by_certificate.get(query.lesson_schedule_id)
            if person is not None and query.lesson_schedule_id in person.certificates:
                self._evaluate(person)
        elif isinstance(query, (GetUser, ListUserLessonSchedules)):
            one = self._progress[query.user_id]
            if isinstance(response, DamstraNotFoundError):
                one.obstacle = _MISSING
            elif isinstance(query, GetUser):
                one.name = describe_user(response)
                one.obstacle = "" if response.is_active else INACTIVE
                one.is_confirmed = response.is_active
            else:
                lessons = {requirement.lesson_id for requirement in one.requirements}
                one.rows = tuple(row for row in response if row.lesson_id in lessons)
                self._evaluate(one)

    def _evaluate(self, one: _Progress) -> None:
        """Find out whether a person is trained now, until when that holds, and which certificates decide."""
        person = one.person()
        at = self._time_of_check(person)
        statuses, one.certificates = self._statuses(person, at)
        self._people_by_certificate |= dict.fromkeys(one.certificates, one)
        has_all_certificates = not any(map(self.completion_rule.is_unknown, one.certificates))
        if open_statuses(statuses, self._accepted_states) or not has_all_certificates:
            one.trained_until = None
            return
        one.is_assigned = any(status.state is TrainingState.ASSIGNED for status in statuses)
        today = to_time_zone(at, one.time_zone).date()
        due = (status.due_at for status in statuses if status.due_at is not None and status.due_at > at)
        one.trained_until = min([end_of_day(today, one.time_zone), *due])

    def _statuses(self, person: Person, at: datetime) -> tuple[list[TrainingStatus], tuple[int, ...]]:
        """Return the statuses, and the schedules whose certificates they depend on."""
        passed = self.completion_rule.passed_among(record.id for record in person.records)
        found = {schedule_id: True for schedule_id, is_passed in passed.items() if is_passed}
        needed: set[int] = set()
        # A certificate that was not found is requested again later, and so are those after it.
        while new := person.next_certificates(at=at, passed=found) - needed:
            needed |= new
            found |= {schedule_id: False for schedule_id in new if schedule_id in passed}
        return person.statuses(at=at, passed=passed), tuple(sorted(needed))

    def _time_of_check(self, person: Person) -> datetime:
        now = present_time(person.records)
        return now if self._at is None else max(now, self._at)

    def _trained(self) -> list[_Progress]:
        return [one for one in self._progress.values() if one.trained_until is not None and not one.obstacle]

    def _is_out_of_reach(self) -> bool:
        """Return whether too many people can never pass."""
        return sum(not one.obstacle for one in self._progress.values()) < self._required

    def evaluate(self) -> PollResult:
        """Return the people who are trained; failed if too few others can be."""
        trained = self._trained()
        confirmed = [one.user_id for one in trained if one.is_confirmed]
        progress = describe_count(len(trained), len(self._progress), self._required)
        has_failed = self._is_out_of_reach()
        return PollResult(
            is_met=not has_failed and len(confirmed) >= self._required,
            failure=f"{self._describe_obstacles()}. {progress}." if has_failed else None,
            progress=progress,
            result=confirmed,
        )

    def open_items(self) -> Iterator[OpenItem]:
        """Yield each person who is not trained, with lessons, states and dates."""
        for one in self._progress.values():
            if one.obstacle or (one.trained_until is None and one.rows is not None):
                yield partial(self._describe_untrained, one)

    def _describe_untrained(self, one: _Progress) -> str:
        if one.obstacle:
            return describe_untrained(one.label, one.obstacle)
        person = one.person()
        statuses, _ = self._statuses(person, self._time_of_check(person))
        return describe_untrained(one.label, open_statuses(statuses, self._accepted_states))

    def _describe_obstacles(self) -> str:
        lines = [f"{one.label}: {one.obstacle}" for one in self._progress.values() if one.obstacle]
        shown = join_first(lines, _MAX_OBSTACLES_IN_MESSAGE, separator="; ")
        return f"The condition can no longer be met: {shown}"


def _record(row: ScheduleState) -> ScheduleRecord:
    return ScheduleRecord(
        id=row.row_key,
        lesson_id=row.lesson_id,
        lesson_version_id=row.lesson_version_id,
        state=row.state,
        due_at=row.due_date,
        completed_at=row.completed_date,
    )
