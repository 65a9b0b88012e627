"""Events derived by comparing snapshots of users' lesson schedules: the API has no listing of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.assets import (
    SCHEDULE_CANCELLED,
    SCHEDULE_CHANGED,
    SCHEDULE_COMPLETED,
    SCHEDULE_CREATED,
)
from airflow_provider_damstra.conditions.base import (
    AT_ANY_TIME,
    OpenItem,
    PollResult,
    Query,
    QueryFilter,
    is_not_found,
    user_schedules_query,
)
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraPermissionError, DamstraRequestError

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import ScheduleState
    from airflow_provider_damstra.errors import DamstraError

Snapshot = dict[str, list[str | None]]
"""State and start date of each schedule by its id as a string: plain JSON for state stores."""

_OPTIONAL = QueryFilter(tolerated=(DamstraPermissionError, DamstraRequestError))
_FINAL_STATES = {"completed": SCHEDULE_COMPLETED, "cancelled": SCHEDULE_CANCELLED}


def to_snapshot(rows: Iterable[ScheduleState]) -> Snapshot:
    """Return the snapshot of a user's schedules."""
    return {
        str(row.row_key): [row.state, row.start_date.isoformat() if row.start_date else None] for row in rows
    }


def diff_snapshots(
    user_id: int, before: Snapshot, after: Snapshot, *, observed_at: datetime
) -> list[dict[str, Any]]:
    """Return the events between two snapshots of a user's schedules, each with the fields of its webhook.

    A schedule that is no longer listed makes no event: Damstra lists cancelled ones too.

    :param observed_at: time of the later snapshot, used as the events' time: no listing contains their own.
    """
    return [
        {
            "name": name,
            "lesson_schedule_id": int(schedule_id),
            "user_id": user_id,
            "schedule_date": current[1],
            "time_stamp": observed_at.isoformat(),
            # Only a webhook contains the reason.
            **({"cancellation_reason": "unknown"} if name == SCHEDULE_CANCELLED else {}),
            "source": "polling",
        }
        for schedule_id, current in after.items()
        for name in _event_names(before.get(schedule_id), current)
    ]


def _event_names(before: list[str | None] | None, current: list[str | None]) -> Iterator[str]:
    """Yield the names of the events of one schedule."""
    if before is None:
        yield SCHEDULE_CREATED
    elif before[1] != current[1]:
        yield SCHEDULE_CHANGED
    state = current[0]
    if state in _FINAL_STATES and (before is None or before[0] != state):
        yield _FINAL_STATES[state]


class ScheduleChangesCondition:
    """Passes a snapshot of each user's schedules to a callback, whenever one is polled; never met by itself.

    A user whose schedules the access key may not read is tolerated and polled again at growing intervals. If
    that is so for all users, the condition fails, as the key itself must be wrong.

    :param user_ids: the users; or
    :param group_id: the group whose active members they are, read again with every poll.
    :param on_snapshot: is called with a user's id and the snapshot of their schedules.
    """

    def __init__(
        self,
        *,
        user_ids: Sequence[int] | None = None,
        group_id: int | None = None,
        on_snapshot: Callable[[int, Snapshot], None],
    ) -> None:
        self._group = None if group_id is None else ListGroupMembers(group_id=group_id)
        self._users = tuple(user_ids or ())
        self._errors: dict[int, DamstraError] = {}
        self._on_snapshot = on_snapshot

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the group's members' listing and the users' listings."""
        queries: dict[Query, QueryFilter] = {self._group: AT_ANY_TIME} if self._group else {}
        return queries | {user_schedules_query(user): _OPTIONAL for user in self._users}

    def update(self, query: Query, response: Any) -> None:
        """Store the members, or pass on a user's schedules. A missing user or group has no changes."""
        if isinstance(query, ListUserLessonSchedules):
            if isinstance(response, list):
                self._errors.pop(query.user_id, None)
                self._on_snapshot(query.user_id, to_snapshot(response))
            elif not is_not_found(response):
                self._errors[query.user_id] = response
        elif isinstance(response, list):
            self._users = tuple(user.id for user in response if user.is_active)
            self._errors = {user: self._errors[user] for user in self._users if user in self._errors}

    def evaluate(self) -> PollResult:
        """Return the progress, or a failure if the schedules of all users are refused."""
        count, refused = len(self._users), len(self._errors)
        if refused and refused == count:
            return PollResult(failure=str(next(iter(self._errors.values()))))
        but = f", but {refused} of them are refused" if refused else ""
        return PollResult(progress=f"Watching the lesson schedules of {count} users{but}")

    def open_items(self) -> Iterable[OpenItem]:
        """Yield nothing: a watch has no end."""
        return ()
