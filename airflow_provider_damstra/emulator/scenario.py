"""Runs the steps of a scenario when the emulator's clock reaches their times."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator import lesson_schedule_repository, scenario_document
from airflow_provider_damstra.emulator.api_errors import ApiError, bad_request
from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.emulator.faults import FaultRule
from airflow_provider_damstra.emulator.handlers.user import create_user
from airflow_provider_damstra.emulator.moments import resolve
from airflow_provider_damstra.models.user import Role

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.scenario_document import ScenarioDocument, Step
    from airflow_provider_damstra.emulator.state import EmulatorState
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.yaml_documents import Positions

log = logging.getLogger(__name__)

# The longest time that an event loop can wait is shorter than some scenarios.
_MAX_TIMER_SECONDS = 86_400.0


@dataclass
class _ScheduledStep:
    """A step with its time and its outcome.

    :param state: ``pending``, ``done`` or ``failed``.
    :param problem: why it failed.
    """

    step: Step
    position: str
    due: datetime
    state: str = "pending"
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "at": format_utc_milliseconds(self.due),
            "do": self.step.do,
            "state": self.state,
            "problem": self.problem,
        }


class ScenarioRunner:
    """Carries out one scenario at a time.

    Steps that a jump of the clock passes are carried out at once, in the order of their times.
    A step that cannot be carried out is logged, and the others follow.
    """

    def __init__(self, state: EmulatorState) -> None:
        self._state = state
        self._steps: list[_ScheduledStep] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_running = False

    def start(self, scenario: ScenarioDocument, positions: Positions) -> None:
        """Start a scenario instead of the one before. Call it in the event loop's thread.

        :raises ValueError: if the time of a step is out of range; the one before goes on.
        """
        now = self._state.clock.now()
        steps = [
            _ScheduledStep(
                step, f"{positions.source}: {positions.describe(('steps', index))}", resolve(step.at, now)
            )
            for index, step in enumerate(scenario.steps)
        ]
        self.stop()
        self._steps = sorted(steps, key=lambda step: step.due)
        self.run_due()

    def stop(self) -> None:
        """Stop the scenario; its other steps are not carried out."""
        self._cancel_timer()
        self._steps = []

    def run_due(self) -> None:
        """Carry out the steps that are due. Call it when the clock has been changed."""
        if self._is_running:
            return  # a step has changed the clock
        self._is_running = True
        try:
            for scheduled in self._pending():
                if scheduled.due > self._state.clock.now():
                    break
                self._perform(scheduled)
                self._state.broadcaster.publish("change")
        finally:
            self._is_running = False
        self._set_timer()

    def as_json(self) -> list[dict[str, Any]]:
        """Return the steps in the order of their times, each with its state."""
        return [step.as_json() for step in self._steps]

    def _pending(self) -> list[_ScheduledStep]:
        return [step for step in self._steps if step.state == "pending"]

    def _set_timer(self) -> None:
        self._cancel_timer()
        if pending := self._pending():
            seconds = (pending[0].due - self._state.clock.now()).total_seconds()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(max(seconds, 0.0), _MAX_TIMER_SECONDS), self.run_due)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _perform(self, scheduled: _ScheduledStep) -> None:
        try:
            perform(self._state, scheduled.step)
        except (ApiError, OverflowError, ValueError) as error:
            body = error.body if isinstance(error, ApiError) else {"error": str(error)}
            scheduled.state, scheduled.problem = "failed", str(body.get("message") or body.get("error"))
            log.warning("%s: %s failed: %s", scheduled.position, scheduled.step.do, scheduled.problem)
        else:
            scheduled.state = "done"


def perform(state: EmulatorState, step: Step) -> None:
    """Carry out a step now.

    :raises ApiError: if the data does not allow it.
    """
    match step:
        case scenario_document.AddFaultStep():
            # A new rule, because a rule counts its hits.
            state.faults.append(FaultRule.model_validate(step.fault.model_dump()))
        case scenario_document.ClearFaultsStep():
            state.faults.clear()
        case scenario_document.AdvanceStep():
            state.clock.advance(step.by.total_seconds())
            state.save_clock()
        case _:
            with state.unit_of_work() as uow:
                _change_data(uow, step)


def _change_data(uow: UnitOfWork, step: Step) -> None:
    match step:
        case scenario_document.LessonStep(do="start"):
            lesson_schedule_repository.start(uow, _open_schedule(uow, step.user, step.lesson))
        case scenario_document.LessonStep(do="cancel"):
            lesson_schedule_repository.cancel(uow, _open_schedule(uow, step.user, step.lesson))
        case scenario_document.LessonStep():
            schedule_id = _open_schedule(uow, step.user, step.lesson)
            lesson_schedule_repository.complete(uow, schedule_id, passed=step.do == "complete")
        case scenario_document.MoveStep():
            schedule_id = _open_schedule(uow, step.user, step.lesson)
            lesson_schedule_repository.reschedule(uow, schedule_id, resolve(step.start, uow.now))
        case scenario_document.ScheduleStep():
            user_id, version_id = _user_id(uow, step.user), _version_id(uow, step.lesson)
            end = uow.now + step.grace_period
            lesson_schedule_repository.insert(uow, user_id, version_id, start=uow.now, end=end)
        case scenario_document.AddUserStep():
            fields = step.model_dump(exclude={"at", "do", "roles", "groups"}, exclude_none=True)
            roles = [Role[role.upper()] for role in step.roles]
            groups = [_find_id(uow, "groups", "name", name) for name in step.groups]
            create_user(endpoints.CreateUser(**fields, roles=roles, groups=groups or None), uow)


def _open_schedule(uow: UnitOfWork, user_name: str, lesson: str) -> int:
    """Return the id of a user's open schedule of any version of a lesson."""
    sql = f"""
        SELECT s.id FROM lesson_schedules s JOIN lesson_versions v ON v.id = s.lesson_version_id
        WHERE s.user_id = ? AND v.name = ? COLLATE NOCASE AND {lesson_schedule_repository.IS_OPEN}
        ORDER BY s.id
    """
    schedule_id: int | None = uow.store.fetch_value(sql, [_user_id(uow, user_name), lesson])
    if schedule_id is None:
        raise bad_request(f"user {user_name!r} has no open schedule for {lesson!r}")
    return schedule_id


def _user_id(uow: UnitOfWork, user_name: str) -> int:
    return _find_id(uow, "users", "user_name", user_name)


def _version_id(uow: UnitOfWork, lesson: str) -> int:
    return _find_id(uow, "lesson_versions", "status = 'active' AND name", lesson)


def _find_id(uow: UnitOfWork, table: str, condition: str, name: str) -> int:
    sql = f"SELECT id FROM {table} WHERE {condition} = ? COLLATE NOCASE ORDER BY id"
    found: int | None = uow.store.fetch_value(sql, [name])
    if found is None:
        raise bad_request(f"there is no {name!r} in the {table.replace('_', ' ')}")
    return found
