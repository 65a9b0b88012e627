"""The condition that lesson schedules are completed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import (
    AT_ANY_TIME,
    OpenItem,
    PollResult,
    Query,
    QueryFilter,
    ScheduleState,
    user_schedules_query,
)
from airflow_provider_damstra.conditions.completion import EXPIRED, create_completion_rule, describe_state
from airflow_provider_damstra.conditions.progress import describe_open_item
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.lesson_schedule import (
    DownloadCertificate,
    GetLessonSchedule,
    ListUserLessonSchedules,
)
from airflow_provider_damstra.endpoints.types import IdentifierList
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation import parse_id, parse_list, parse_share, required_count

if TYPE_CHECKING:
    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule

_MAX_FAILED_IN_MESSAGE = 5
_MISSING = "missing"
_NOT_LISTED = ("completed", _MISSING)
_UNKNOWN = ScheduleState(0)
_NO_IDS: frozenset[int] = frozenset()


class _ScheduleIds(RequestModel):
    lesson_schedule_ids: IdentifierList


class LessonScheduleCondition:
    """Condition met when enough of the lesson schedules are completed.

    Only a user's listing contains the status of schedules. The user of each schedule is therefore looked up
    once; after that, one listing per user covers all of the user's schedules. A completed schedule is not
    listed again, and one that starts later is not listed before its start.

    :param lesson_schedule_ids: ids in any form that ``IdentifierList`` accepts; or a mapping with ``user_id``
        and ``lesson_schedule_ids``, or several of these, as scheduling returns them.
    :param users_by_schedule: user ids by schedule id, where known.
    :param wait_for: ``all``, ``any``, or the required share, greater than 0 and at most 1.
    :param fail_on: states in which a schedule counts as failed; a missing (deleted) and an expired one always
        do.
    :param require_passed: see ``CompletionRule``, also for ``valid_for`` and ``passed_schedule_ids``.
    :raises pydantic.ValidationError: if there is no id, or one is invalid or repeated.
    :raises ValueError: if ``wait_for`` or ``valid_for`` has another value.
    """

    # A triggerer holds thousands of these, so they use slots, and tuples, which are not garbage-collected.
    __slots__ = (
        "_failed_states",
        "_ids_by_user",
        "_required",
        "_states",
        "_unlisted",
        "completion_rule",
        "lesson_schedule_ids",
        "users_by_schedule",
    )

    def __init__(
        self,
        *,
        lesson_schedule_ids: Any,
        users_by_schedule: Mapping[str, int] | None = None,
        wait_for: str | float = "all",
        fail_on: Collection[str] = ("cancelled",),
        require_passed: bool = False,
        valid_for: Any = None,
        passed_schedule_ids: Collection[int] = (),
    ) -> None:
        self.lesson_schedule_ids, self.users_by_schedule = _parse_ids_and_users(lesson_schedule_ids)
        self.users_by_schedule |= {
            int(schedule_id): user for schedule_id, user in (users_by_schedule or {}).items()
        }
        share = parse_share("wait_for", wait_for, "all", "any")
        self._required = required_count(share, len(self.lesson_schedule_ids))
        self._failed_states = (_MISSING, EXPIRED, *fail_on)
        self.completion_rule = create_completion_rule(
            require_passed=require_passed, valid_for=valid_for, passed_schedule_ids=passed_schedule_ids
        )
        self._states: dict[int, ScheduleState] = {}
        self._ids_by_user: defaultdict[int, set[int]] | None = None
        self._unlisted: set[int] | frozenset[int] = _NO_IDS

    def queries(self) -> dict[Query, QueryFilter]:
        """Return users' listings, queries for schedules that are unlisted or without a user, certificates."""
        queries: dict[Query, QueryFilter] = {}
        by_user: defaultdict[int, list[int]] = defaultdict(list)
        for schedule_id in self.lesson_schedule_ids:
            row = self._row(schedule_id)
            if row.state in _NOT_LISTED:
                queries |= self.completion_rule.certificate_queries((row,))
                continue
            user_id = self.users_by_schedule.get(schedule_id)
            if user_id is not None:
                by_user[user_id].append(schedule_id)
            if user_id is None or schedule_id in self._unlisted:
                queries[GetLessonSchedule(lesson_schedule_id=schedule_id)] = AT_ANY_TIME
        for user_id, ids in by_user.items():
            query_filter = QueryFilter(row_keys=tuple(ids), not_before=self._first_start(ids))
            queries[user_schedules_query(user_id)] = query_filter
        return queries

    def _first_start(self, ids: Iterable[int]) -> datetime | None:
        """Return when the first of these schedules starts, if none has started yet."""
        starts = [self._row(schedule_id).start_date for schedule_id in ids]
        future = [start for start in starts if start is not None and start > datetime.now(UTC)]
        return min(future) if len(future) == len(starts) else None

    def update(self, query: Query, response: Any) -> None:
        """Store a schedule, a user's schedules, a certificate, or that one of them does not exist."""
        if isinstance(query, GetLessonSchedule):
            self._update_schedule(query.lesson_schedule_id, response)
        elif isinstance(query, ListUserLessonSchedules):
            rows = [] if isinstance(response, DamstraNotFoundError) else response
            self._update_listing(query.user_id, rows)
        elif isinstance(query, DownloadCertificate):
            self.completion_rule.update(query, response)

    def _update_schedule(self, schedule_id: int, response: LessonSchedule | DamstraNotFoundError) -> None:
        if isinstance(response, DamstraNotFoundError):
            self._states[schedule_id] = ScheduleState(schedule_id, state=_MISSING)
            return
        if response.user_id is not None:
            self._set_user(schedule_id, response.user_id)
        state = "completed" if response.is_completed else "open"
        completed = response.lesson_completed_date
        self._states[schedule_id] = ScheduleState(
            schedule_id, response.lesson_id, state, completed_date=completed
        )

    def _update_listing(self, user_id: int, rows: Iterable[ScheduleState]) -> None:
        expected = {one for one in self._ids_of(user_id) if self._row(one).state != "completed"}
        listed = {row.row_key: row for row in rows if row.row_key in expected}
        self._states |= listed
        # The others may be deleted or reassigned to another user: they are queried individually.
        unlisted = expected - listed.keys()
        if unlisted != expected & self._unlisted:
            if isinstance(self._unlisted, frozenset):
                self._unlisted = set()
            self._unlisted -= expected
            self._unlisted |= unlisted

    def _ids_of(self, user_id: int) -> Collection[int]:
        """Return the schedules of a user."""
        if len(self.lesson_schedule_ids) == 1:
            return [one for one in self.lesson_schedule_ids if self.users_by_schedule.get(one) == user_id]
        if self._ids_by_user is None:
            self._ids_by_user = defaultdict(set)
            for one in self.lesson_schedule_ids:
                if one in self.users_by_schedule:
                    self._ids_by_user[self.users_by_schedule[one]].add(one)
        return self._ids_by_user.get(user_id, ())

    def _set_user(self, schedule_id: int, user_id: int) -> None:
        if self._ids_by_user is not None:
            if schedule_id in self.users_by_schedule:
                self._ids_by_user[self.users_by_schedule[schedule_id]].discard(schedule_id)
            self._ids_by_user[user_id].add(schedule_id)
        self.users_by_schedule[schedule_id] = user_id

    def _row(self, schedule_id: int) -> ScheduleState:
        return self._states.get(schedule_id, _UNKNOWN)

    def evaluate(self) -> PollResult:
        """Return the completed schedules; met when enough are completed, failed when too many have failed."""
        state_of = self.completion_rule.state_of
        states = {schedule_id: state_of(self._row(schedule_id)) for schedule_id in self.lesson_schedule_ids}
        completed = [schedule_id for schedule_id, state in states.items() if state == "completed"]
        failed = [schedule_id for schedule_id, state in states.items() if state in self._failed_states]
        is_met = len(completed) >= self._required
        has_failed = not is_met and len(states) - len(failed) < self._required
        progress = _progress(states)
        return PollResult(
            is_met=is_met,
            failure=f"{self._describe_failed(failed)}. {progress}." if has_failed else None,
            progress=progress,
            result=completed,
        )

    def open_items(self) -> Iterator[OpenItem]:
        """Yield the schedules that are not completed, with lesson, user and state."""
        for schedule_id in self.lesson_schedule_ids:
            state = self.completion_rule.state_of(self._row(schedule_id))
            if state != "completed":
                yield partial(self._describe_open, schedule_id, state)

    def _describe_open(self, schedule_id: int, state: str) -> str:
        row = self._row(schedule_id)
        details = describe_open_item(
            user_id=self.users_by_schedule.get(schedule_id),
            user_name=row.user_name,
            lesson_id=row.lesson_id,
            lesson_name=row.lesson_name,
            state=state,
        )
        return f"lesson schedule {schedule_id}: {details}"

    def _describe_failed(self, failed: list[int]) -> str:
        describe = self.completion_rule.describe
        names = [describe(self._row(one)) for one in failed]
        shown = join_first(names, _MAX_FAILED_IN_MESSAGE, separator="; ")
        return f"The condition can no longer be met: {shown}"


def _parse_ids_and_users(value: Any) -> tuple[tuple[int, ...], dict[int, int]]:
    try:
        parts = parse_list(value, accepts_mapping=True)
    except ValueError as error:
        raise ValueError(f"lesson_schedule_ids: {error}") from None
    try:
        if not any(isinstance(part, Mapping) for part in parts):
            return _ScheduleIds(lesson_schedule_ids=parts).lesson_schedule_ids, {}
        pairs = [
            (item, parse_id("user_id", part["user_id"]))
            for part in parts
            for item in parse_list(part["lesson_schedule_ids"])
        ]
        ids = _ScheduleIds(lesson_schedule_ids=[item for item, _ in pairs]).lesson_schedule_ids
        return ids, {int(item): user_id for item, user_id in pairs}
    except (KeyError, TypeError):
        raise ValueError(
            f"lesson_schedule_ids is {str(value)[:100]!r}, neither ids nor what scheduling returns"
        ) from None


def _progress(states: Mapping[int, str]) -> str:
    counts = Counter(states.values())
    others = ", ".join(
        f"{count} {describe_state(state)}" for state, count in sorted(counts.items()) if state != "completed"
    )
    completed = f"{counts['completed']} of {len(states)} lesson schedules completed"
    return f"{completed} ({others})" if others else completed
