"""The commands ``matrix`` and ``status``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.cli.definitions.training import STATES
from airflow_provider_damstra.cli.execution import CommandError, UsageError, airflow_command, usage_errors
from airflow_provider_damstra.cli.files import format_of
from airflow_provider_damstra.cli.output import choose_columns, print_item, print_items
from airflow_provider_damstra.cli.progress import spinner
from airflow_provider_damstra.exports.training_status.rows import TrainingStatusRow, status_row
from airflow_provider_damstra.transfers.training_evaluation import EvaluateTrainingOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_damstra.cli.output import Item
    from airflow_provider_damstra.transfers.training_evaluation import TrainingEvaluation

STATUS_COLUMNS = ("user_id", "name", "lesson_id", "lesson_name", "state", "due_at", "expires_at", "reason")


@airflow_command(needs_database=False)
def matrix(args: Namespace) -> None:
    """Write a training matrix, and print facts about it."""
    file_format, compression = format_of(args.target_path, default="html")
    if compression:
        raise UsageError(f"{args.target_path}: a matrix is not compressed; use a name without the suffix.")
    with usage_errors():
        operator = DamstraTrainingMatrixOperator(
            task_id="matrix",
            damstra_conn_id=args.conn_id,
            group_id=args.group_id,
            target_path=args.target_path,
            file_format=args.file_format or file_format,
            lesson_ids=args.lesson_ids,
            requirements_path=args.requirements_path,
            title=args.title,
            include_child_groups=args.include_child_groups,
            include_inactive=args.include_inactive,
            include_supervisors=args.include_supervisors,
            require_passed=args.require_passed,
            valid_for=args.valid_for,
            at=args.at,
            time_zone=args.time_zone,
        )
        with spinner(f"Reading group {args.group_id}"):
            facts = operator.write_matrix(run_at=datetime.now(UTC))
    print_item(facts, output=args.output)


@airflow_command(needs_database=False)
def status(args: Namespace) -> None:
    """Evaluate training rules, and print the statuses.

    :raises CommandError: with ``--fail-on-rows``, if a status is printed.
    """
    columns = choose_columns(
        args.columns, available=tuple(TrainingStatusRow.model_fields), default=STATUS_COLUMNS
    )
    states = _parse_states(args.state)
    with usage_errors():
        operator = EvaluateTrainingOperator(
            task_id="status",
            damstra_conn_id=args.conn_id,
            requirements_path=args.requirements_path,
            user_ids=args.user_ids,
            at=args.at,
            time_zone=args.time_zone,
        )
        with spinner("Reading the account"):
            evaluation = operator.prepare_evaluation({})
    count = 0

    def rows() -> Iterator[Item]:
        nonlocal count
        for item in _evaluate(operator, evaluation):
            if item["state"] in states:
                count += 1
                yield item

    print_items(rows(), columns=columns, output=args.output)
    if args.fail_on_rows and count:
        raise CommandError(f"{count} statuses are {', '.join(states)}.")


def _parse_states(text: str | None) -> tuple[str, ...]:
    states = STATES if text is None else tuple(name.strip() for name in text.split(","))
    if unknown := [state for state in states if state not in STATES]:
        raise UsageError(f"There is no state {unknown[0]!r}; the states are {', '.join(STATES)}.")
    return states


def _evaluate(operator: EvaluateTrainingOperator, evaluation: TrainingEvaluation) -> Iterator[Any]:
    with operator.evaluated_trainees(evaluation, {}, checkpoint_path=None) as trainees:
        for trainee, statuses in trainees:
            for found in statuses:
                row = status_row(trainee, found, evaluated_at=evaluation.at)
                yield TrainingStatusRow.model_validate_json(row).model_dump()
