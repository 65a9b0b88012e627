"""What happened to users' lesson schedules between two looks: the API has no list of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import SomeIdentifiers
from airflow_provider_damstra.waits.base import Interest, Question, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.waits.base import Standing

Snapshot = dict[str, list[str | None]]
"""Of each schedule, by its id as a text: its state and its start date. Plain JSON, so that it can be kept."""

COMPLETED = "lesson.schedule.completed"
CHANGED = "lesson.schedule.changed"
CREATED = "lesson.schedule.created"
CANCELLED = "lesson.schedule.cancelled"
EVENTS = (CREATED, CHANGED, COMPLETED, CANCELLED)
"""Damstra's names of what can be seen, in the order in which it happens to one schedule."""

_IDS: TypeAdapter[tuple[int, ...]] = TypeAdapter(SomeIdentifiers)
_ENDINGS = {"completed": COMPLETED, "cancelled": CANCELLED}


def snapshot(rows: Iterable[Standing]) -> Snapshot:
    """Return what is to be remembered of a user's schedules."""
    return {
        str(row.row_key): [row.state, row.start_date.isoformat() if row.start_date else None] for row in rows
    }


def events_between(user_id: int, before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
    """Return what happened to a user's schedules, each event with all that its webhook would say of it.

    A schedule that is no longer listed is no event: Damstra lists cancelled ones too.
    """
    return [
        {
            "name": name,
            "lesson_schedule_id": int(schedule_id),
            "user_id": user_id,
            "schedule_date": now[1],
            "source": "polling",
        }
        for schedule_id, now in after.items()
        for name in _names(before.get(schedule_id), now)
    ]


def _names(before: list[str | None] | None, now: list[str | None]) -> Iterator[str]:
    """Yield what happened to one schedule."""
    if before is None:
        yield CREATED
    elif before[1] != now[1]:
        yield CHANGED
    state = now[0]
    if state in _ENDINGS and (before is None or before[0] != state):
        yield _ENDINGS[state]


class ScheduleChangesWait:
    """Never over: hands on what users' schedules look like, whenever that is learnt.

    :param user_ids: the users; or
    :param group_id: the group whose members they are, whoever comes and goes.
    :param on_look: is told of a user and their schedules.
    :raises pydantic.ValidationError: if an id is none.
    """

    def __init__(
        self, *, user_ids: Any = None, group_id: Any = None, on_look: Callable[[int, Snapshot], None]
    ) -> None:
        self._group = None if group_id is None else ListGroupMembers(group_id=group_id)
        self._users = () if user_ids is None else _IDS.validate_python(user_ids)
        self._on_look = on_look

    def interests(self) -> dict[Question, Interest]:
        """Return the users' listings, and who the group's members are."""
        interests: dict[Question, Interest] = {self._group: Interest()} if self._group else {}
        return interests | {ListUserLessonSchedules(user_id=user): Interest() for user in self._users}

    def learn(self, question: Question, answer: Any) -> None:
        """Take the members or a user's schedules. Who or what is gone has no changes."""
        if not isinstance(answer, list):
            return
        if isinstance(question, ListGroupMembers):
            self._users = tuple(user.id for user in answer if user.is_active)
        elif isinstance(question, ListUserLessonSchedules):
            self._on_look(question.user_id, snapshot(answer))

    def verdict(self) -> Verdict:
        """Return that there is more to come."""
        return Verdict(is_over=False, progress=f"Watching the lesson schedules of {len(self._users)} users")
