"""What happened to users' lesson schedules between two looks: the API has no list of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from airflow_provider_damstra.assets import (
    SCHEDULE_CANCELLED,
    SCHEDULE_CHANGED,
    SCHEDULE_COMPLETED,
    SCHEDULE_CREATED,
)
from airflow_provider_damstra.conditions.base import (
    OptionalQueryFilter,
    PollResult,
    Query,
    QueryFilter,
    is_not_found,
    user_schedules_query,
)
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import IdentifierList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from airflow_provider_damstra.conditions.base import ScheduleState
    from airflow_provider_damstra.errors import DamstraError

Snapshot = dict[str, list[str | None]]
"""Of each schedule, by its id as a text: its state and its start date. Plain JSON, so that it can be kept."""

UNKNOWN = "unknown"
"""What polling can say of why a schedule was cancelled: a webhook would name the reason."""

_IDS: TypeAdapter[tuple[int, ...]] = TypeAdapter(IdentifierList)
_ENDINGS = {"completed": SCHEDULE_COMPLETED, "cancelled": SCHEDULE_CANCELLED}


def to_snapshot(rows: Iterable[ScheduleState]) -> Snapshot:
    """Return what is to be remembered of a user's schedules."""
    return {
        str(row.row_key): [row.state, row.start_date.isoformat() if row.start_date else None] for row in rows
    }


def diff_snapshots(
    user_id: int, before: Snapshot, after: Snapshot, *, observed_at: datetime
) -> list[dict[str, Any]]:
    """Return what happened to a user's schedules, each event with all that its webhook would say of it.

    A schedule that is no longer listed is no event: Damstra lists cancelled ones too.

    :param observed_at: when the later look was: no list tells when something happened.
    """
    return [
        {
            "name": name,
            "lesson_schedule_id": int(schedule_id),
            "user_id": user_id,
            "schedule_date": now[1],
            "time_stamp": observed_at.isoformat(),
            **({"cancellation_reason": UNKNOWN} if name == SCHEDULE_CANCELLED else {}),
            "source": "polling",
        }
        for schedule_id, now in after.items()
        for name in _names(before.get(schedule_id), now)
    ]


def _names(before: list[str | None] | None, now: list[str | None]) -> Iterator[str]:
    """Yield what happened to one schedule."""
    if before is None:
        yield SCHEDULE_CREATED
    elif before[1] != now[1]:
        yield SCHEDULE_CHANGED
    state = now[0]
    if state in _ENDINGS and (before is None or before[0] != state):
        yield _ENDINGS[state]


class ScheduleChangesCondition:
    """Hands on what users' schedules look like, whenever that is learnt, and is never over by itself.

    A user whose schedules may not be read does not end it: they are asked for again, ever more rarely. It
    fails when that is so of all of them, for then the key is at fault.

    :param user_ids: the users; or
    :param group_id: the group whose members they are, whoever comes and goes.
    :param on_snapshot: is told of a user and their schedules.
    :raises pydantic.ValidationError: if an id is none.
    """

    def __init__(
        self, *, user_ids: Any = None, group_id: Any = None, on_snapshot: Callable[[int, Snapshot], None]
    ) -> None:
        self._group = None if group_id is None else ListGroupMembers(group_id=group_id)
        self._users = () if user_ids is None else _IDS.validate_python(user_ids)
        self._refused: dict[int, DamstraError] = {}
        self._on_snapshot = on_snapshot

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the users' listings, and who the group's members are."""
        queries: dict[Query, QueryFilter] = {self._group: QueryFilter()} if self._group else {}
        return queries | {user_schedules_query(user): OptionalQueryFilter() for user in self._users}

    def update(self, query: Query, answer: Any) -> None:
        """Take the members or a user's schedules. Who or what is gone has no changes."""
        if isinstance(query, ListUserLessonSchedules):
            self._learn_schedules(query.user_id, answer)
        elif isinstance(answer, list):
            self._users = tuple(user.id for user in answer if user.is_active)
            self._refused = {user: self._refused[user] for user in self._users if user in self._refused}

    def _learn_schedules(self, user_id: int, answer: Any) -> None:
        if isinstance(answer, list):
            self._refused.pop(user_id, None)
            self._on_snapshot(user_id, to_snapshot(answer))
        elif not is_not_found(answer):
            self._refused[user_id] = answer

    def evaluate(self) -> PollResult:
        """Return that there is more to come, unless nobody's schedules may be read."""
        count, refused = len(self._users), len(self._refused)
        if refused and refused == count:
            return PollResult(is_done=True, failure=str(next(iter(self._refused.values()))))
        but = f", but {refused} of them are refused" if refused else ""
        return PollResult(is_done=False, progress=f"Watching the lesson schedules of {count} users{but}")
