"""Scheduling of what an evaluation of training rules finds to be due."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_damstra.errors import DamstraError
    from airflow_provider_damstra.requirements.scheduling import DueLesson
    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.requirements.trainee import Trainee
    from airflow_provider_damstra.transfers.training_evaluation import (
        EvaluateTrainingOperator,
        TrainingEvaluation,
    )

SCHEDULING_XCOM_KEYS = ("plan", "scheduled", "new_assignments", "supervisors")
"""Keys of the XComs of a ``DueScheduler``."""


@dataclass(frozen=True, kw_only=True)
class DueScheduler:
    """Collect the statuses that need a schedule, and schedule them once all are known.

    :param operator: the task.
    :param max_scheduled: guard: the most lessons that are scheduled; None for any number.
    :param plan_path: path or URL of a file for the plan.
    :param include_supervisors: whether new assignments are grouped by supervisor, too.
    """

    operator: EvaluateTrainingOperator
    evaluation: TrainingEvaluation
    is_dry_run: bool
    max_scheduled: int | None
    plan_path: str | None
    include_supervisors: bool
    due: list[DueLesson] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Validate that the lessons can be scheduled.

        :raises ValueError: naming with their positions the rules that do not allow it.
        """
        from airflow_provider_damstra.requirements.scheduling import find_obstacles

        if obstacles := find_obstacles(self.evaluation.rules):
            raise ValueError(f"schedule_due: {self.evaluation.positions.error(obstacles)}")

    def add(self, trainee: Trainee, status: TrainingStatus) -> None:
        """Add a status, if it needs a schedule."""
        from airflow_provider_damstra.requirements.scheduling import DueLesson

        if status.needs_schedule:
            self.due.append(DueLesson(trainee, status))

    def run(self, context: Context) -> dict[str, Any]:
        """Make the plan, schedule it, push the XComs, and return the counts for the result.

        The plan and the new assignments are in the order of the user ids.

        :raises DamstraConflictError: if the plan exceeds ``max_scheduled``; nothing is changed.
        :raises DamstraError: if users could not be scheduled, unless failed users are left out.
        """
        from airflow_provider_damstra.requirements.scheduling import DuePlan, schedule_due

        operator, at = self.operator, self.evaluation.at
        # People arrive in the order in which the server answered.
        self.due.sort(key=lambda one: one.trainee.id)
        plan = DuePlan(self.due)
        operator.log.info("%s", plan.describe())
        operator.push_xcoms(context, plan=plan.counts())
        self._write_plan()
        plan.validate_count(self.max_scheduled)
        if self.is_dry_run:
            operator.log.info("Dry run: nothing is scheduled.")
            self._push(context, [])
            return {"plan": plan.counts(), "scheduled_count": 0}
        assignments, failed = schedule_due(operator.client, self.due, at=at)
        count = self._push(context, assignments)
        operator.log.info("%d lessons scheduled for %d people", count, len(assignments))
        self._report_failed(failed, scheduled=len({one.trainee.id for one in self.due}) - len(failed))
        return {"plan": plan.counts(), "scheduled_count": count}

    def _push(self, context: Context, assignments: list[dict[str, Any]]) -> int:
        """Push the XComs of new assignments, and return the number of their lesson schedules."""
        ids = [schedule_id for one in assignments for schedule_id in one["lesson_schedule_ids"]]
        self.operator.push_xcoms(context, scheduled=ids, new_assignments=assignments)
        if self.include_supervisors:
            self.operator.push_xcoms(context, supervisors=self._by_supervisor(assignments))
        return len(ids)

    def _write_plan(self) -> None:
        from airflow_provider_damstra.exports.training_status.rows import status_row

        if self.plan_path is not None:
            to_row = partial(status_row, evaluated_at=self.evaluation.at)
            rows = [to_row(one.trainee, one.status) for one in self.due]
            self.operator.write_json_lines([rows], self.plan_path)

    def _report_failed(self, failed: Mapping[int, DamstraError], *, scheduled: int) -> None:
        from airflow_provider_damstra.services.failed_users import report_failed_users
        from airflow_provider_damstra.services.status import find_inactive_users

        if failed:
            report_failed_users(
                failed,
                inactive=find_inactive_users(self.operator.client, failed),
                scheduled=scheduled,
                can_continue=self.evaluation.failed.skips,
                # The only person who is due may be one who cannot be scheduled.
                can_all_fail=True,
            )
            self.evaluation.failed.errors.update({user_id: str(error) for user_id, error in failed.items()})

    def _by_supervisor(self, assignments: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return each supervisor with the new assignments of the supervised users."""
        from airflow_provider_damstra.services.supervisors import find_supervisors, supervised_users

        by_user = {one["user_id"]: one for one in assignments}
        trainees = {one.trainee.id: one.trainee for one in self.due if one.trainee.id in by_user}
        found = find_supervisors(
            self.operator.client,
            {user_id: trainee.group_ids for user_id, trainee in trainees.items()},
            {user_id: one["lesson_schedule_ids"][-1] for user_id, one in by_user.items()},
        )
        without = [user_id for user_id, supervisors in found.items() if not supervisors]
        if without:
            self.operator.log.warning("No active supervisor of %d users: %s", len(without), without[:20])
        return [
            {
                "user_id": supervisor.id,
                "name": supervisor.full_name,
                "email_address": supervisor.email_address,
                "assignments": [by_user[user_id] for user_id in user_ids],
            }
            for supervisor, user_ids in supervised_users(found).values()
        ]
