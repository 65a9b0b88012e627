"""Waiting for lesson schedules to be completed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule, ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import SomeIdentifiers
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.lesson_schedule import LessonSchedule, UserLessonSchedule
from airflow_provider_damstra.waits.base import Question, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

FAILING_STATES = ("cancelled", "overdue")
"""States of a schedule at which a wait may be told to fail."""

Schedule = LessonSchedule | UserLessonSchedule


class LessonScheduleWait:
    """Over when enough of the lesson schedules are completed.

    Only the list of a user's schedules tells their status, so the schedules' users are found out once, and
    then one listing for each user answers for all of its schedules. What is completed stays so, and is not
    asked about again.

    :param lesson_schedule_ids: the schedules.
    :param owners: user ids by schedule id, as far as they are known.
    :param wait_for: ``all``, ``any``, or the share that is enough, above 0 and up to 1.
    :param fail_on: states at which a schedule counts as lost; one that does not exist any more always does.
    """

    def __init__(
        self,
        *,
        lesson_schedule_ids: Sequence[int],
        owners: Mapping[int, int] | None = None,
        wait_for: str | float = "all",
        fail_on: Collection[str] = ("cancelled",),
    ) -> None:
        self.lesson_schedule_ids = list(lesson_schedule_ids)
        self.owners = dict(owners or {})
        self._needed = _needed(wait_for, len(self.lesson_schedule_ids))
        self._fail_on = frozenset(fail_on)
        self._known: dict[int, Schedule | None] = {}
        self._unlisted: set[int] = set()

    def begin_look(self) -> None:
        """Forget what may have changed."""
        self._known = {
            one: schedule for one, schedule in self._known.items() if schedule and schedule.is_completed
        }
        self._unlisted = set()

    def questions(self) -> list[Question]:
        """Return who owns a schedule, as long as that is unknown; then the owners' listings."""
        unknown = [one for one in self.lesson_schedule_ids if one not in self._known]
        single = [one for one in unknown if one not in self.owners or one in self._unlisted]
        if single:
            return [GetLessonSchedule(lesson_schedule_id=one) for one in single]
        return [
            ListUserLessonSchedules(user_id=user) for user in sorted({self.owners[one] for one in unknown})
        ]

    def rows_wanted(self, question: Question) -> set[int]:
        """Return the user's schedules that are waited for."""
        user = getattr(question, "user_id", None)
        return {
            one for one in self.lesson_schedule_ids if one not in self._known and self.owners.get(one) == user
        }

    def learn(self, question: Question, answer: Any) -> None:
        """Take a schedule, a user's schedules, or that one does not exist."""
        if isinstance(question, GetLessonSchedule):
            self._learn_one(question.lesson_schedule_id, answer)
        else:
            self._learn_listing(question, answer)

    def _learn_one(self, lesson_schedule_id: int, answer: LessonSchedule | DamstraNotFoundError) -> None:
        if isinstance(answer, DamstraNotFoundError):
            self._known[lesson_schedule_id] = None
        elif answer.is_completed or answer.user_id is None or lesson_schedule_id in self._unlisted:
            self._known[lesson_schedule_id] = answer
        else:
            self.owners[lesson_schedule_id] = answer.user_id

    def _learn_listing(
        self, question: Question, answer: list[UserLessonSchedule] | DamstraNotFoundError
    ) -> None:
        wanted = self.rows_wanted(question)
        rows = [] if isinstance(answer, DamstraNotFoundError) else answer
        self._known |= {row.id: row for row in rows if row.id in wanted}
        # A schedule that its user's listing lacks may be gone: ask for it alone.
        self._unlisted |= wanted - self._known.keys()

    def verdict(self) -> Verdict:
        """Return whether enough are completed, or so many lost that it can never be enough."""
        states = {one: _state(self._known.get(one)) for one in self.lesson_schedule_ids}
        completed = [one for one, state in states.items() if state == "completed"]
        lost = [one for one, state in states.items() if state == "gone" or state in self._fail_on]
        is_lost = len(states) - len(lost) < self._needed
        is_done = len(completed) >= self._needed
        return Verdict(
            is_over=is_done or is_lost,
            failure=self._failure(lost, states) if is_lost and not is_done else None,
            progress=_progress(states),
            result=completed,
        )

    def _failure(self, lost: list[int], states: Mapping[int, str]) -> str:
        named = "; ".join(f"{_name(one, self._known.get(one))} is {states[one]}" for one in lost[:5])
        more = f"; and {len(lost) - 5} more" if len(lost) > 5 else ""
        return f"Not all that is waited for can be completed: {named}{more}. {_progress(states)}."


_IDS: TypeAdapter[tuple[int, ...]] = TypeAdapter(SomeIdentifiers)


def schedules_and_owners(value: Any) -> tuple[list[int], dict[int, int]]:
    """Return schedule ids, and user ids by schedule id as far as they are told.

    :param value: ids in any form that an argument may have; or a mapping with ``user_id`` and
        ``lesson_schedule_ids``, or several of these, as scheduling returns them.
    :raises pydantic.ValidationError: if there is no id, one is no id, or one is named twice.
    """
    parts: list[Any] = [value] if isinstance(value, (Mapping, str, int)) else list(value)
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        return list(_IDS.validate_python(value)), {}
    owners = [(one, int(part["user_id"])) for part in parts for one in part["lesson_schedule_ids"]]
    return list(_IDS.validate_python([one for one, _ in owners])), {int(one): user for one, user in owners}


def _needed(wait_for: str | float, count: int) -> int:
    if wait_for == "all":
        return count
    if wait_for == "any":
        return min(1, count)
    return math.ceil(float(wait_for) * count)


def _state(schedule: Schedule | None) -> str:
    if schedule is None:
        return "gone"
    if schedule.is_completed:
        return "completed"
    if isinstance(schedule, UserLessonSchedule) and schedule.is_cancelled:
        return "cancelled"
    if isinstance(schedule, UserLessonSchedule) and schedule.is_overdue:
        return "overdue"
    return "open"


def _progress(states: Mapping[int, str]) -> str:
    counts = Counter(states.values())
    others = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()) if state != "completed")
    return f"{counts['completed']} of {len(states)} lesson schedules completed" + (
        f" ({others})" if others else ""
    )


def _name(lesson_schedule_id: int, schedule: Schedule | None) -> str:
    if schedule is None:
        return f"lesson schedule {lesson_schedule_id}"
    who = (
        " ".join(filter(None, (schedule.user_first_name, schedule.user_last_name)))
        or f"user {schedule.user_id}"
    )
    return f"lesson schedule {lesson_schedule_id} ({schedule.lesson_name} for {who})"
