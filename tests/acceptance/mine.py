"""A mine on the emulator: 300 workers in crews and time zones, who complete their lessons or do not."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_damstra.endpoints import (
    AddGroupMembers,
    BulkUserImport,
    CompleteLesson,
    CreateGroup,
    ListUsers,
)
from airflow_provider_damstra.endpoints.user import ImportedUser, MergeType
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.models.user import Role
from tests.acceptance.site_rules import (
    CONFINED_SPACES,
    HAUL_TRUCKS,
    HEIGHTS,
    INDUCTION,
    LIFTING,
    Assignment,
    Ledger,
    Rule,
    Worker,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_damstra.models import User
    from airflow_provider_damstra.testing import DamstraEmulator

SIZE, OWNER = 300, 1001
# Three of them change their clocks within the scenario, one in the opposite direction of the others.
ZONES = ("Australia/Perth", "Australia/Sydney", "America/Denver", "Asia/Kolkata", "Pacific/Auckland")
GROUPS = {"Scaffolders": None, "Riggers": None, "Haulage": None, "Pit": "Haulage", "Office": None}
GROUP_SIZE = 30
CONFINED_SPACE_WORKERS = {1008, 1043, 1108, 1201}
COMPLETION_HOURS = (1, 9, 14, 22)
"""Hours, in UTC, at which lessons are completed: for some workers this is another day."""


@dataclass(frozen=True, order=True)
class Completion:
    """A lesson that a worker will complete."""

    at: datetime
    schedule_id: int
    user_id: int
    lesson_id: int
    passed: bool


class Mine:
    """The workers, and what they will do: a function of the seed and of when lessons are scheduled.

    :param start: when the scenario begins.
    """

    def __init__(self, emulator: DamstraEmulator, *, seed: int, start: datetime) -> None:
        self.ledger = Ledger()
        self._emulator = emulator
        self._random = random.Random(seed)  # noqa: S311 (a simulation)
        self._planned: list[Completion] = []
        emulator.reset(seed=f"large:{SIZE}")
        emulator.set_clock(start)
        self.workers = self._hire()
        self._record_history(start)

    def _hire(self) -> dict[int, Worker]:
        """Put the seed's users in time zones, roles and groups."""
        hook, users = DamstraHook(), list(DamstraHook().iterate(ListUsers()))
        zones = {user.id: self._random.choice(ZONES) for user in users}
        zones[OWNER] = "Australia/Perth"
        supervisors = set(self._random.sample([user.id for user in users if user.id != OWNER], 40))
        hook.call(
            BulkUserImport(users=_imports(users, zones, supervisors), merge_type=MergeType.EMPLOYEE_NUMBER)
        )
        group_ids: dict[str, int] = {}
        members: dict[str, set[int]] = {}
        for name, parent in GROUPS.items():
            parent_id = group_ids[parent] if parent else None
            group_ids[name] = hook.call(CreateGroup(name=name, description=name, parent_id=parent_id)).id
            members[name] = set(self._random.sample([user.id for user in users], GROUP_SIZE))
            hook.call(AddGroupMembers(group_id=group_ids[name], user_ids=sorted(members[name])))
        is_for = {
            HEIGHTS: members["Scaffolders"] | members["Riggers"],
            LIFTING: supervisors,
            HAUL_TRUCKS: members["Haulage"] | members["Pit"],
            CONFINED_SPACES: CONFINED_SPACE_WORKERS,
        }
        return {
            user.id: Worker(
                user_id=user.id,
                zone=ZoneInfo(zones[user.id]),
                rules=(INDUCTION, *(rule for rule, ids in is_for.items() if user.id in ids)),
            )
            for user in users
        }

    def _record_history(self, start: datetime) -> None:
        """Record completions from before the scenario, on paper, for a third of what is required."""
        hook = DamstraHook()
        for worker in self.workers.values():
            for rule in worker.rules:
                if self._random.random() < 0.67:
                    continue
                completed = start - timedelta(minutes=self._random.randrange(60 * 24 * 420))
                request = CompleteLesson(
                    user_id=worker.user_id,
                    lesson_id=rule.lesson_id,
                    completed_date=completed,
                    manually_completed_by_user_id=OWNER,
                )
                (schedule_id,) = hook.call(request)
                assignment = Assignment(schedule_id=schedule_id, due=start, completed=completed, passed=True)
                self.ledger.of(worker, rule).append(assignment)

    def add_schedules(self, schedules: Iterable[tuple[Assignment, Worker, Rule]], *, at: datetime) -> None:
        """Note lesson schedules that were created, and plan when the workers complete them."""
        for assignment, worker, rule in schedules:
            self.ledger.of(worker, rule).append(assignment)
            days = min(int(self._random.expovariate(1 / 8)), 60)
            when = (at + timedelta(days=days)).replace(hour=self._random.choice(COMPLETION_HOURS))
            passed = self._random.random() < 0.85
            when = max(when, at + timedelta(hours=1))
            completion = Completion(when, assignment.schedule_id, worker.user_id, rule.lesson_id, passed)
            heapq.heappush(self._planned, completion)

    def live_until(self, end: datetime) -> None:
        """Let the workers complete the lessons that they have planned for the time before."""
        while self._planned and self._planned[0].at < end:
            one = heapq.heappop(self._planned)
            self._emulator.set_clock(one.at)
            self._emulator.complete_lesson_schedule(one.schedule_id, passed=one.passed)
            assignments = self.ledger.assignments[one.user_id, one.lesson_id]
            (assignment,) = (each for each in assignments if each.schedule_id == one.schedule_id)
            assignment.completed, assignment.passed = one.at, one.passed
            assignment.recorded_by = self._emulator.now
        self._emulator.set_clock(end)


def _imports(users: Iterable[User], zones: dict[int, str], supervisors: set[int]) -> list[ImportedUser]:
    return [
        ImportedUser(
            employee_number=user.employee_number,
            first_name=user.first_name,
            last_name=user.last_name,
            time_zone=zones[user.id],
            roles=[Role.SUPERVISOR, Role.TRAINEE] if user.id in supervisors else [Role.TRAINEE],
        )
        for user in users
        if user.id != OWNER
    ]
