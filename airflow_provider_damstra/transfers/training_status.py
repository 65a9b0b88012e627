"""The operator that writes the training status of people, and schedules what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from airflow_provider_damstra.transfers.training_evaluation import (
    EVALUATION_FIELDS,
    EvaluateTrainingOperator,
)
from airflow_provider_damstra.validation import validate_booleans, validate_choice

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Text, TrainingEvaluationArguments
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.training_status.evaluation import EvaluatedTrainee
    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.requirements.trainee import Trainee

    Observer = Callable[[Trainee, TrainingStatus], None]

_ROWS_PER_PAGE = 1000


class DamstraTrainingStatusOperator(EvaluateTrainingOperator):
    """Evaluate training rules for all active users, or some of them, and write a row for each status.

    There is one row for each person and lesson that a rule requires: ``current``, ``expiring``, ``expired``,
    ``missing``, ``assigned`` or ``overdue``, with dates and the reason. Of several rules for a lesson, the
    one with the most urgent state decides.

    The rules, the people and the time of the status are the arguments of ``EvaluateTrainingOperator``.

    **Retries.** A retry continues where the last try stopped: until the task succeeds, listings are kept in a
    hidden folder next to ``target_path``, as by ``DamstraExportOperator``. Without ``target_path`` all are
    read again.

    :param target_path: path or URL of the file for the rows; by default none is written (templated).
    :param file_format: ``"jsonl"``, ``"csv"`` or ``"parquet"``; Parquet needs the extra ``parquet``.
    :param compression: ``"gzip"``, ``"zstd"`` or None, as in ``DamstraExportOperator``.
    :param safe_for_spreadsheets: in CSV, put an apostrophe before each formula, as in
        ``DamstraExportOperator``.
    :return: ``evaluated_at``, ``people``, ``rows``, ``states`` (the number of rows in each state),
        ``lessons`` (a list of ``lesson_id``, ``lesson_name`` and ``states``), ``failed_user_count`` and
        ``failed_users`` (error messages by id, of the first twenty); with ``target_path`` also ``uri``,
        ``bytes`` and ``sha256``. ``uri``, ``rows``, ``sha256``, ``states`` and ``lessons`` are XComs of their
        own, too.
    :raises ValueError: naming every bad rule with its position, before the first request.
    :raises DamstraNotFoundError: naming all lessons, groups and users in rules that do not exist or are
        ambiguous.
    """

    xcom_keys = ("uri", "rows", "sha256", "states", "lessons")
    template_fields = (*EVALUATION_FIELDS, "target_path", "damstra_conn_id")

    def __init__(
        self,
        *,
        target_path: Text | None = None,
        file_format: Literal["jsonl", "csv", "parquet"] = "jsonl",
        compression: Literal["gzip", "zstd"] | None = None,
        safe_for_spreadsheets: bool = False,
        **kwargs: Unpack[TrainingEvaluationArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("file_format", file_format, "jsonl", "csv", "parquet")
        validate_choice("compression", compression, "gzip", "zstd", None)
        validate_booleans(safe_for_spreadsheets=safe_for_spreadsheets)
        self.target_path = cast("str | None", target_path)
        self.file_format = file_format
        self.compression = compression
        self.safe_for_spreadsheets = safe_for_spreadsheets

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_damstra.exports.training_status.rows import StatusCounts

        self._validate_target()
        evaluation = self.prepare_evaluation(context)
        counts = StatusCounts()
        observers: list[Observer] = [counts.add]
        with self.evaluated_trainees(evaluation, context, checkpoint_path=self.target_path) as trainees:
            facts = self._write(_pages(trainees, observers, evaluated_at=evaluation.at))
        self.log.info("Statuses by state: %s", counts.states())
        return {
            "evaluated_at": evaluation.at.isoformat(),
            "people": counts.people,
            **facts,
            "states": counts.states(),
            "lessons": counts.lessons(),
            **self.report_failed_users(evaluation.failed),
        }

    def _validate_target(self) -> None:
        from airflow_provider_damstra.exports.formats import require_format
        from airflow_provider_damstra.storage import validate_writable_path

        if self.target_path is not None:
            validate_writable_path("target_path", self.target_path, task_try=self.task_try)
            require_format(self.file_format, self.compression)

    def _write(self, pages: Iterator[Rows]) -> dict[str, Any]:
        from airflow_provider_damstra.exports.formats import write_rows
        from airflow_provider_damstra.exports.training_status.rows import TRAINING_STATUS
        from airflow_provider_damstra.storage import atomic_open

        if self.target_path is None:
            return {"rows": sum(map(len, pages))}
        with atomic_open(self.target_path, task_try=self.task_try) as file:
            facts = write_rows(
                file,
                TRAINING_STATUS,
                pages,
                file_format=self.file_format,
                compression=self.compression,
                safe_for_spreadsheets=self.safe_for_spreadsheets,
            )
        return {"uri": self.target_path, **facts}


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
