"""The training rules of a mine, and what they mean: calculated from the text of the rules, by other means.

Nothing here imports the package: the calculation is independent of the code that it is compared with.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

RULES = """\
requirements:
  - name: Site access
    lessons: [Site Induction]
    all: true
    valid_for: 12 months
    warn_before: 30 days
    grace_period: 14 days
  - name: Heights
    lessons: [Working at Heights]
    groups: [Scaffolders, Riggers]
    valid_for: 6 months
    warn_before: 2 weeks
    grace_period: 7 days
    require_passed: true
  - name: Lifting
    lessons: [Manual Handling]
    roles: [supervisor]
    valid_for: 90 days
    warn_before: 10 days
    grace_period: 1 month
  - name: Haul trucks
    lessons: [Haul Truck Pre-start Checks]
    groups: [Haulage]
    include_child_groups: true
    grace_period: 21 days
  - name: Confined spaces
    lessons: [Confined Space Entry (instructor-led)]
    users: [E0000007, e0000042, "ADDRESS_OF_1108", 1201]
    valid_for: 1 year 1 month
    warn_before: 1 month
    grace_period: 30 days
    versions: current
"""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A number of months or of days."""

    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """Return the day at the end of a span that begins on a day."""
        return self._shift(day, self.months, self.days)

    def before(self, day: date) -> date:
        """Return the day from which a span ends on a day."""
        return self._shift(day, -self.months, -self.days)

    @staticmethod
    def _shift(day: date, months: int, days: int) -> date:
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        length = monthrange(year, month + 1)[1]
        return day.replace(year=year, month=month + 1, day=min(day.day, length)) + timedelta(days=days)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of ``RULES``, in terms of the standard library."""

    lesson_id: int
    version_id: int
    grace: Span
    valid: Span | None = None
    warn: Span | None = None
    needs_pass: bool = False


INDUCTION = Rule(
    lesson_id=201,
    version_id=2002,
    valid=Span(months=12),
    warn=Span(days=30),
    grace=Span(days=14),
)
HEIGHTS = Rule(
    lesson_id=202,
    version_id=2003,
    valid=Span(months=6),
    warn=Span(days=14),
    grace=Span(days=7),
    needs_pass=True,
)
LIFTING = Rule(
    lesson_id=203,
    version_id=2005,
    valid=Span(days=90),
    warn=Span(days=10),
    grace=Span(months=1),
)
HAUL_TRUCKS = Rule(lesson_id=204, version_id=2006, grace=Span(days=21))
CONFINED_SPACES = Rule(
    lesson_id=205,
    version_id=2007,
    valid=Span(months=13),
    warn=Span(months=1),
    grace=Span(days=30),
)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A person of the mine, with the rules that are for this person."""

    user_id: int
    zone: ZoneInfo
    rules: tuple[Rule, ...]


@dataclass(kw_only=True)
class Assignment:
    """A lesson schedule, as the independent calculation keeps it.

    :param recorded_by: latest time at which its completion was recorded; the emulator's clock runs on.
    """

    schedule_id: int
    due: datetime
    completed: datetime | None = None
    recorded_by: datetime | None = None
    passed: bool = False


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the status of a worker for a rule has to be."""

    state: str
    completed: datetime | None = None
    recorded_by: datetime | None = None
    completed_schedule_id: int | None = None
    expires: datetime | None = None
    needs_schedule: bool = False
    is_expired: bool = False


@dataclass
class Ledger:
    """All assignments by worker and lesson."""

    assignments: dict[tuple[int, int], list[Assignment]] = field(default_factory=dict)

    def of(self, worker: Worker, rule: Rule) -> list[Assignment]:
        """Return a worker's assignments of a lesson."""
        return self.assignments.setdefault((worker.user_id, rule.lesson_id), [])


def expected_status(rule: Rule, assignments: Sequence[Assignment], zone: ZoneInfo, now: datetime) -> Expected:
    """Return the status of a worker now by the text of a rule."""
    counting = [one for one in assignments if one.completed and (one.passed or not rule.needs_pass)]
    still_open = [one for one in assignments if one.completed is None]
    by_time = sorted(
        (one.completed, one.schedule_id, one.recorded_by or one.completed)
        for one in counting
        if one.completed
    )
    last, schedule_id, recorded_by = by_time[-1] if by_time else (None, None, None)
    end = _last_day(rule, last, zone)
    today = now.astimezone(zone).date()
    expires = None if end is None else _midnight_after(end, zone)
    if last is not None and (end is None or today <= end):
        warned = end is not None and rule.warn is not None and today >= rule.warn.before(end)
        state = "expiring" if warned else "current"
    elif still_open:
        state = "overdue" if still_open[0].due <= now else "assigned"
    else:
        state = "missing" if last is None else "expired"
    needs_schedule = state in ("missing", "expired", "expiring") and not still_open
    return Expected(
        state=state,
        completed=last,
        recorded_by=recorded_by,
        completed_schedule_id=schedule_id,
        expires=expires,
        needs_schedule=needs_schedule,
        is_expired=end is not None and today > end,
    )


def _last_day(rule: Rule, completed: datetime | None, zone: ZoneInfo) -> date | None:
    if completed is None or rule.valid is None:
        return None
    return rule.valid.after(completed.astimezone(zone).date())


def _midnight_after(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)


class Announcements:
    """The events of trainings that have to have occurred: each once for a completion."""

    def __init__(self) -> None:
        self._done: set[tuple[int, str]] = set()
        self._is_first_day = True

    def of_day(self, expected: Mapping[tuple[int, int], Expected]) -> set[tuple[str, int, int]]:
        """Return the events of a day: name, user and lesson schedule.

        On the first day, completions are no news, but what expires or has expired is.
        """
        events = set()
        for (user_id, _), status in expected.items():
            if status.completed_schedule_id is None:
                continue
            for name in self._names(status):
                key = (status.completed_schedule_id, name)
                is_known = name == "training.current" and self._is_first_day
                if key not in self._done and not is_known:
                    events.add((name, user_id, status.completed_schedule_id))
                self._done.add(key)
        self._is_first_day = False
        return events

    @staticmethod
    def _names(status: Expected) -> list[str]:
        if status.is_expired:
            return ["training.expired"]
        return ["training.current", *(["training.expiring"] if status.state == "expiring" else [])]
