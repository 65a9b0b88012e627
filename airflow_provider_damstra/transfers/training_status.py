"""The operator that writes the training status of people, and schedules what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Unpack, cast

from airflow_provider_damstra.operators.base import DryRunMixin
from airflow_provider_damstra.transfers.due_scheduling import SCHEDULING_XCOM_KEYS
from airflow_provider_damstra.transfers.status_target import STATUS_TARGET_FIELDS, StatusTargetMixin
from airflow_provider_damstra.transfers.training_evaluation import (
    EVALUATION_FIELDS,
    EvaluateTrainingOperator,
    time_of_run,
)
from airflow_provider_damstra.validation import (
    validate_booleans,
    validate_integer,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Text, TrainingStatusArguments
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.training_status.evaluation import EvaluatedTrainee
    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.requirements.trainee import Trainee
    from airflow_provider_damstra.transfers.due_scheduling import DueScheduler
    from airflow_provider_damstra.transfers.training_evaluation import TrainingEvaluation
    from airflow_provider_damstra.webhooks.evaluation_sender import EvaluationSender

    Observer = Callable[[Trainee, TrainingStatus], None]

_ROWS_PER_PAGE = 1000


class DamstraTrainingStatusOperator(StatusTargetMixin, DryRunMixin, EvaluateTrainingOperator):
    """Evaluate training rules for all active users, or some of them, and write a row for each status.

    There is one row for each person and lesson that a rule requires: ``current``, ``expiring``, ``expired``,
    ``missing``, ``assigned`` or ``overdue``, with dates and the reason. Of several rules for a lesson, the
    one with the most urgent state decides.

    The rules, the people and the time of the status are the arguments of ``EvaluateTrainingOperator``, the
    file or the table those of ``StatusTargetMixin``.

    **Scheduling.** Before a person is scheduled, the person's schedules are read again, and what was
    scheduled or completed since the evaluation is left out: no person is scheduled twice, whether a try is
    killed, the DAG run is cleared, or two runs overlap. ``scheduled`` and ``new_assignments`` name only what
    the task itself created. Calls ``scheduleUser``; with ``include_supervisors`` ``listGroupSupervisors``,
    ``getLessonSchedule`` and ``getUser``.

    **Retries.** A retry continues where the last try stopped: until the task succeeds, listings are kept in a
    hidden folder next to ``checkpoint_path`` or ``target_path``, as by ``DamstraExportOperator``.

    :param emit_events: update the assets ``training.current``, ``training.expiring`` and ``training.expired``
        of ``damstra_event``, once for each person, lesson and period; needs the webhook receiver in the API
        server. ``at`` cannot be in the future then.
    :param schedule_due: schedule, once all statuses are known, each lesson that is missing, expired, or
        expiring and not scheduled yet, with the ``grace_period`` of its rule.
    :param dry_run: make the plan, and schedule nothing (templated).
    :param max_scheduled: fail, and schedule nothing, if the plan has more lessons, of all people together.
    :param plan_path: path or URL of a file for the plan as JSON lines: the rows that lead to a schedule
        (templated).
    :param include_supervisors: push the XCom ``supervisors``, too: the active supervisors of the people with
        new assignments, each with ``user_id``, ``name``, ``email_address`` and their ``assignments``.
    :return: ``evaluated_at``, ``people``, ``rows``, ``states`` (the number of rows in each state),
        ``lessons`` (a list of ``lesson_id``, ``lesson_name`` and ``states``), ``failed_user_count`` and
        ``failed_users`` (error messages by id, of the first twenty); of a file ``uri``, ``bytes`` and
        ``sha256``, of a table ``table``, ``inserted``, ``updated`` and ``deleted``; with ``emit_events``
        also ``events`` (the number of events by name); with ``schedule_due`` also ``plan`` (the numbers of
        ``assignments`` and ``people``, and of each of the ``lessons``) and ``scheduled_count``. ``uri``,
        ``table``, ``rows``, ``sha256``, ``states``, ``lessons`` and ``plan`` are XComs of their own, too.
        ``schedule_due`` pushes the XComs ``scheduled``, ids of the lesson
        schedules that the task created, in this try or an earlier one, and ``new_assignments``, the people
        who got them, each with ``user_id``, ``employee_number``, ``name``, ``email_address``, ``lessons``
        and ``lesson_schedule_ids``.
    :raises ValueError: naming every bad rule with its position, before the first request; with
        ``schedule_due`` also rules without ``grace_period``, and lessons that cannot be scheduled.
    :raises DamstraConflictError: if the plan exceeds ``max_scheduled``.
    :raises DamstraNotFoundError: naming all lessons, groups and users in rules that do not exist or are
        ambiguous.
    """

    xcom_keys = ("uri", "table", "rows", "sha256", "states", "lessons", *SCHEDULING_XCOM_KEYS)
    template_fields = (
        *EVALUATION_FIELDS,
        *STATUS_TARGET_FIELDS,
        "is_dry_run",
        "plan_path",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        emit_events: bool = False,
        schedule_due: bool = False,
        dry_run: bool | Text = False,
        max_scheduled: int | None = None,
        plan_path: Text | None = None,
        include_supervisors: bool = False,
        **kwargs: Unpack[TrainingStatusArguments],
    ) -> None:
        super().__init__(dry_run=dry_run, **kwargs)
        validate_booleans(
            emit_events=emit_events, schedule_due=schedule_due, include_supervisors=include_supervisors
        )
        _validate_scheduling(
            schedule_due,
            dry_run=dry_run,
            max_scheduled=max_scheduled,
            plan_path=plan_path,
            include_supervisors=include_supervisors,
        )
        self.emit_events = emit_events
        self.schedule_due = schedule_due
        self.max_scheduled = max_scheduled
        self.plan_path = cast("str | None", plan_path)
        self.include_supervisors = include_supervisors

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_damstra.exports.training_status.rows import StatusCounts

        self.parse_dry_run()
        self.validate_paths("plan_path")
        self.prepare_target()
        evaluation = self.prepare_evaluation(context)
        if self.emit_events:
            _validate_time_of_events(evaluation.at, context)
        counts = StatusCounts()
        scheduler = self._scheduler(evaluation) if self.schedule_due else None
        observers: list[Observer] = [counts.add, *([scheduler.add] if scheduler else [])]
        with self.evaluated_trainees(
            evaluation, context, checkpoint_path=self.checkpoint_path or self.target_path
        ) as trainees:
            with self._event_sender(evaluation.at) as sender:
                if sender is not None:
                    observers.append(lambda trainee, status: sender.add(trainee.id, status))
                pages = _pages(trainees, observers, evaluated_at=evaluation.at)
                written = self.write_statuses(pages, user_ids=evaluation.user_ids)
            self.log.info("Statuses by state: %s", counts.states())
            scheduled = scheduler.run(context) if scheduler else {}
        facts = {"evaluated_at": evaluation.at.isoformat(), "people": counts.people, **written}
        facts["states"] = counts.states()
        self.emit_assets(context, facts)
        events = {} if sender is None else {"events": dict(sender.counts)}
        failed = self.report_failed_users(evaluation.failed)
        return {**facts, "lessons": counts.lessons(), **events, **scheduled, **failed}

    def _event_sender(self, at: datetime) -> AbstractContextManager[EvaluationSender | None]:
        """Return what sends statuses to the receiver until the end of a block, if events are emitted."""
        from airflow_provider_damstra.webhooks.evaluation_sender import EvaluationSender

        return EvaluationSender(self.hook, at=at) if self.emit_events else nullcontext()

    def _scheduler(self, evaluation: TrainingEvaluation) -> DueScheduler:
        from airflow_provider_damstra.transfers.due_scheduling import DueScheduler

        return DueScheduler(
            operator=self,
            evaluation=evaluation,
            is_dry_run=self.parse_dry_run(),
            max_scheduled=self.max_scheduled,
            plan_path=self.plan_path,
            include_supervisors=self.include_supervisors,
        )


def _validate_time_of_events(at: datetime, context: Context) -> None:
    """Validate that no event occurs ahead of its time, and those until then are not taken for late ones.

    :raises ValueError: if the time of the statuses is after both the DAG run and now.
    """
    if at > max(time_of_run(context), datetime.now(UTC)):
        raise ValueError(
            f"emit_events: at is {at.isoformat()}, in the future, and an event is about what has happened; "
            "leave out one of them"
        )


def _pages(
    trainees: Iterable[EvaluatedTrainee], observers: Iterable[Observer], *, evaluated_at: datetime
) -> Iterator[Rows]:
    """Yield the rows, after each observer was called with a trainee and each status."""
    from airflow_provider_damstra.exports.training_status.rows import status_row

    rows: Rows = []
    for trainee, statuses in trainees:
        for status in statuses:
            for observe in observers:
                observe(trainee, status)
            rows.append(status_row(trainee, status, evaluated_at=evaluated_at))
        if len(rows) >= _ROWS_PER_PAGE:
            yield rows
            rows = []
    yield rows


def _validate_scheduling(schedule_due: bool, *, dry_run: Any, max_scheduled: Any, **others: Any) -> None:
    """Validate the arguments that are for ``schedule_due=True``."""
    if max_scheduled is not None:
        validate_integer("max_scheduled", max_scheduled, at_least=0)
    given = {"dry_run": dry_run, "max_scheduled": max_scheduled, **others}
    useless = [name for name, value in given.items() if value is not None and value is not False]
    if useless and not schedule_due:
        raise ValueError(f"{' and '.join(useless)}: give schedule_due=True, too")
