"""The rule by which a completed lesson schedule counts: any, with a passed test only, or not too old."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import Query, QueryFilter, ScheduleState
from airflow_provider_damstra.durations import is_expired, parse_duration
from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate
from airflow_provider_damstra.errors import DamstraNotFoundError

if TYPE_CHECKING:
    from pendulum import Duration

NOT_PASSED = "not_passed"
"""State of a completed schedule without a certificate."""

EXPIRED = "expired"
"""State of a schedule that was completed too long ago, or at an unknown time."""

CERTIFICATE_CHECK_INTERVAL = timedelta(minutes=10)
"""Time after which a certificate that does not exist is requested again."""

_DESCRIPTIONS = {
    NOT_PASSED: "completed with a failed test",
    EXPIRED: "completed too long ago",
    "none": "not scheduled",
}
_BEST_STATE_FIRST = ("completed", "open", "overdue", NOT_PASSED, EXPIRED, "cancelled")
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_NO_QUERIES: dict[Query, QueryFilter] = {}


class CompletionRule:
    """Decide whether completed schedules count.

    Neither representation of a schedule contains the result of its test: only a completed and passed one has
    a certificate. One is requested for each completed schedule that is not too old, and not again once it is
    found. Until the first response the schedule is ``open``.

    :param require_passed: whether only schedules with a certificate count.
    :param valid_for: how long a completion counts, as ``parse_duration`` accepts it; None is for ever.
    :param passed_schedule_ids: schedules that are known to have a certificate.
    :raises ValueError: if ``valid_for`` is no duration.
    """

    __slots__ = ("_next_checks", "_valid_for", "passed_schedule_ids", "require_passed")

    def __init__(
        self, *, require_passed: bool = False, valid_for: Any = None, passed_schedule_ids: Iterable[int] = ()
    ) -> None:
        self.require_passed = require_passed
        self.passed_schedule_ids = set(passed_schedule_ids)
        self._valid_for: Duration | None = None
        if valid_for is not None:
            self._valid_for = parse_duration("valid_for", valid_for)
        self._next_checks: dict[int, datetime] = {}

    def state_of(self, row: ScheduleState) -> str:
        """Return a schedule's state now: ``completed`` only if the completion counts."""
        if row.state != "completed":
            return row.state
        if self._is_expired(row):
            return EXPIRED
        if not self.require_passed or row.row_key in self.passed_schedule_ids:
            return "completed"
        return NOT_PASSED if row.row_key in self._next_checks else "open"

    def best_state(self, rows: Iterable[ScheduleState]) -> str:
        """Return the best state among a user's schedules of a lesson, or ``none`` without a schedule."""
        states = {self.state_of(row) for row in rows}
        return next((state for state in _BEST_STATE_FIRST if state in states), "none")

    def _is_expired(self, row: ScheduleState) -> bool:
        if self._valid_for is None:
            return False
        return is_expired(row.completed_date, self._valid_for, at=datetime.now(UTC))

    def certificate_queries(self, rows: Iterable[ScheduleState]) -> dict[Query, QueryFilter]:
        """Return the queries that show whether one of a user's schedules of a lesson is passed.

        The latest completion comes first, and an earlier one only after a later one is not passed.
        """
        if not self.require_passed:
            return _NO_QUERIES
        completed = [row for row in rows if row.state == "completed" and not self._is_expired(row)]
        if any(row.row_key in self.passed_schedule_ids for row in completed):
            return _NO_QUERIES
        queries: dict[Query, QueryFilter] = {}
        for row in sorted(completed, key=lambda row: row.completed_date or _EARLIEST, reverse=True):
            query, query_filter = self.certificate_query(row.row_key)
            queries[query] = query_filter
            if query_filter.not_before is None:
                break
        return queries

    def certificate_query(self, schedule_id: int) -> tuple[Query, QueryFilter]:
        """Return the query for a schedule's certificate, and when to send it."""
        query = DownloadCertificate(lesson_schedule_id=schedule_id)
        return query, QueryFilter(not_before=self._next_checks.get(schedule_id))

    def is_unknown(self, schedule_id: int) -> bool:
        """Return whether a certificate has not been requested yet."""
        return schedule_id not in self.passed_schedule_ids and schedule_id not in self._next_checks

    def passed_among(self, schedule_ids: Iterable[int]) -> dict[int, bool]:
        """Return by id whether schedules have a certificate, without those that are unknown."""
        return {one: one in self.passed_schedule_ids for one in schedule_ids if not self.is_unknown(one)}

    def update(self, query: DownloadCertificate, response: bytes | DamstraNotFoundError) -> None:
        """Store that a schedule has a certificate, or when to request it again."""
        schedule_id = query.lesson_schedule_id
        if isinstance(response, DamstraNotFoundError):
            self._next_checks[schedule_id] = datetime.now(UTC) + CERTIFICATE_CHECK_INTERVAL
        else:
            self.passed_schedule_ids.add(schedule_id)

    def required_part(self, rows: Iterable[ScheduleState]) -> tuple[ScheduleState, ...]:
        """Return what the best state of some schedules depends on: one shared row if every one counts."""
        if self.require_passed or self._valid_for is not None:
            return tuple(rows)
        return _one_row(self.best_state(rows))

    def describe(self, row: ScheduleState) -> str:
        """Return a schedule's id, lesson, user and state."""
        return str(replace(row, state=describe_state(self.state_of(row))))


_EVERY_COMPLETION = CompletionRule()


def create_completion_rule(**arguments: Any) -> CompletionRule:
    """Return the rule with these arguments; conditions for which every completion counts share one."""
    is_default = not arguments["require_passed"] and arguments["valid_for"] is None
    return _EVERY_COMPLETION if is_default else CompletionRule(**arguments)


def describe_state(state: str) -> str:
    """Return a state as readers of the log know it."""
    return _DESCRIPTIONS.get(state, state)


@cache
def _one_row(state: str) -> tuple[ScheduleState, ...]:
    return () if state == "none" else (ScheduleState(0, state=state),)
