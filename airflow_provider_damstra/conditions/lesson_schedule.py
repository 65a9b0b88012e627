"""Waiting for lesson schedules to be completed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import (
    PollResult,
    Query,
    QueryFilter,
    ScheduleState,
    required_count,
    user_schedules_query,
)
from airflow_provider_damstra.conditions.threshold import parse_number, validate_wait_for
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule, ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import IdentifierList
from airflow_provider_damstra.errors import DamstraNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule

_GONE = "gone"
_UNKNOWN = ScheduleState(0)
_NONE: frozenset[int] = frozenset()


class _Ids(RequestModel):
    lesson_schedule_ids: IdentifierList


class LessonScheduleCondition:
    """Over when enough of the lesson schedules are completed.

    Only the list of a user's schedules tells their status, so the schedules' users are found out once, and
    then one listing for each user answers for all of its schedules. What is completed stays so, and is not
    asked about again; what starts later is not asked about before.

    :param lesson_schedule_ids: ids in any form that an argument may have; or a mapping with ``user_id`` and
        ``lesson_schedule_ids``, or several of these, as scheduling returns them.
    :param owners: user ids by schedule id, as far as they are known otherwise.
    :param wait_for: ``all``, ``any``, or the share that is required, above 0 and up to 1.
    :param fail_on: states at which a schedule counts as lost; one that does not exist any more always does.
    :raises pydantic.ValidationError: if there is no id, one is no id, or one is named twice.
    :raises ValueError: if ``wait_for`` is something else.
    """

    # The triggerer keeps thousands: no dictionary for each, and tuples, which Python's collector passes by.
    __slots__ = ("_lost_states", "_needed", "_standings", "_unlisted", "lesson_schedule_ids", "owners")

    def __init__(
        self,
        *,
        lesson_schedule_ids: Any,
        owners: Mapping[str, int] | None = None,
        wait_for: str | float = "all",
        fail_on: Collection[str] = ("cancelled",),
    ) -> None:
        self.lesson_schedule_ids, self.owners = _ids_and_owners(lesson_schedule_ids)
        self.owners |= {int(one): user for one, user in (owners or {}).items()}
        share = validate_wait_for("wait_for", parse_number(wait_for))
        self._needed = _needed(share, len(self.lesson_schedule_ids))
        self._lost_states = _lost_states(tuple(fail_on))
        self._standings: dict[int, ScheduleState] = {}
        self._unlisted = _NONE

    def queries(self) -> dict[Query, QueryFilter]:
        """Return whose schedules are to be listed, and which schedules are to be asked for one by one."""
        waiting = [one for one in self.lesson_schedule_ids if self._state(one) not in ("completed", _GONE)]
        alone = [one for one in waiting if one not in self.owners or one in self._unlisted]
        queries: dict[Query, QueryFilter] = {
            GetLessonSchedule(lesson_schedule_id=one): QueryFilter() for one in alone
        }
        by_user: dict[int, list[int]] = {}
        for one in waiting:
            if one in self.owners:
                by_user.setdefault(self.owners[one], []).append(one)
        return queries | {
            user_schedules_query(user): QueryFilter(rows=tuple(ids), not_before=self._start(ids))
            for user, ids in by_user.items()
        }

    def _start(self, ids: Iterable[int]) -> datetime | None:
        """Return when the first of these schedules starts, if none has started yet."""
        starts = [self._standings.get(one, _UNKNOWN).start_date for one in ids]
        known = [start for start in starts if start is not None and start > datetime.now(UTC)]
        return min(known) if len(known) == len(starts) else None

    def update(self, query: Query, answer: Any) -> None:
        """Take a schedule, a user's schedules, or that one does not exist."""
        if isinstance(query, GetLessonSchedule):
            self._learn_one(query.lesson_schedule_id, answer)
        elif isinstance(query, ListUserLessonSchedules):
            rows = [] if isinstance(answer, DamstraNotFoundError) else answer
            self._learn_listing(query.user_id, rows)

    def _learn_one(self, one: int, answer: LessonSchedule | DamstraNotFoundError) -> None:
        if isinstance(answer, DamstraNotFoundError):
            self._standings[one] = ScheduleState(one, state=_GONE)
            return
        if answer.user_id is not None:
            self.owners[one] = answer.user_id
        state = "completed" if answer.is_completed else "open"
        self._standings[one] = ScheduleState(one, answer.lesson_id, state)

    def _learn_listing(self, user_id: int, rows: Iterable[ScheduleState]) -> None:
        listed = {row.row_key: row for row in rows}
        found, lacking = [], []
        for one in self.lesson_schedule_ids:
            if self.owners.get(one) != user_id or self._state(one) == "completed":
                continue
            if one in listed:
                self._standings[one] = listed[one]
                found.append(one)
            else:
                lacking.append(one)
        # What is not listed may be gone: it is asked for alone.
        if lacking or self._unlisted:
            self._unlisted = self._unlisted.difference(found).union(lacking)

    def _state(self, one: int) -> str:
        return self._standings.get(one, _UNKNOWN).state

    def evaluate(self) -> PollResult:
        """Return whether enough are completed, or so many lost that it can never be enough."""
        states = {one: self._state(one) for one in self.lesson_schedule_ids}
        completed = [one for one, state in states.items() if state == "completed"]
        lost = [one for one, state in states.items() if state in self._lost_states]
        is_done = len(completed) >= self._needed
        is_lost = not is_done and len(states) - len(lost) < self._needed
        progress = _progress(states)
        return PollResult(
            is_done=is_done or is_lost,
            failure=f"{self._say(lost)}. {progress}." if is_lost else None,
            progress=progress,
            result=completed,
        )

    def _say(self, lost: list[int]) -> str:
        named = "; ".join(str(self._standings[one]) for one in lost[:5])
        more = f"; and {len(lost) - 5} more" if len(lost) > 5 else ""
        return f"It can no longer come true: {named}{more}"


@cache
def _lost_states(fail_on: tuple[str, ...]) -> frozenset[str]:
    """Return the same object for all waits that fail on the same."""
    return frozenset((_GONE, *fail_on))


def _ids_and_owners(value: Any) -> tuple[tuple[int, ...], dict[int, int]]:
    try:
        return _told_by(_parts(value))
    except (KeyError, SyntaxError, TypeError):
        raise ValueError(
            f"lesson_schedule_ids is {str(value)[:100]!r}, neither ids nor what scheduling returns"
        ) from None


def _parts(value: Any) -> list[Any]:
    """Return ids and mappings in one list: templates render to texts, and several tasks return more lists."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        value = ast.literal_eval(value.strip())
    if isinstance(value, str):
        return [part for part in value.split(",") if part.strip()]
    if isinstance(value, (Mapping, int)):
        return [value]
    return [one for part in value for one in _parts(part)]


def _told_by(parts: list[Any]) -> tuple[tuple[int, ...], dict[int, int]]:
    if not any(isinstance(part, Mapping) for part in parts):
        return _Ids(lesson_schedule_ids=parts).lesson_schedule_ids, {}
    owners = [(one, int(part["user_id"])) for part in parts for one in part["lesson_schedule_ids"]]
    ids = _Ids(lesson_schedule_ids=[one for one, _ in owners]).lesson_schedule_ids
    return ids, {int(one): user for one, user in owners}


def _needed(wait_for: str | float, count: int) -> int:
    if wait_for == "all":
        return count
    return 1 if wait_for == "any" else required_count(float(wait_for), count)


def _progress(states: Mapping[int, str]) -> str:
    counts = Counter(states.values())
    others = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()) if state != "completed")
    done = f"{counts['completed']} of {len(states)} lesson schedules completed"
    return f"{done} ({others})" if others else done
