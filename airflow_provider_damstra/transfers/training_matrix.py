"""The operator that writes the training matrix of a group to a file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast
from zoneinfo import ZoneInfo

from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.storage import atomic_write, validate_writable_path
from airflow_provider_damstra.transfers.base import create_reader
from airflow_provider_damstra.validation import (
    is_rendered_later,
    validate_at_most_one,
    validate_booleans,
    validate_choice,
    validate_time_zone,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Duration, Id, Ids, OperatorArguments, Text, Texts
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix


class DamstraTrainingMatrixOperator(DamstraOperator):
    """Write the training matrix of a group (users by lessons, with status and due date) to a file.

    A status is ``completed``, ``due``, ``overdue``, ``scheduled``, ``cancelled`` or ``not scheduled``, or a
    status of Damstra's that this provider does not know, at the time of reading. Of several schedules of a
    user for a lesson the latest counts: one that has not started only if no other has, a cancelled one only
    if there is no other. The file is written under a temporary name and then moved.

    A lesson that was completed with a failed test is ``completed``, unless ``require_passed`` is set: then it
    is ``not passed`` if Damstra has no certificate of it. With ``valid_for`` an older completion, or one
    without a time, is ``expired``. An earlier schedule is not considered instead.

    HTML is one file without scripts or external assets, suitable for mail. CSV is UTF-8 with a byte order
    mark; an apostrophe stands before each formula that a spreadsheet would evaluate, also one that separates
    cells by semicolons or tabs. Parquet has the same columns, typed.

    Calls ``getGroup``, ``listGroupMembers``, and ``listUserLessonSchedules`` for each member, at most the
    connection's ``max_concurrency`` concurrently; ``listLessons`` with ``lesson_ids``, and ``listGroups``
    with ``include_child_groups``; with ``require_passed`` also ``downloadCertificate`` for each cell that is
    completed and not expired. If a request fails, the task fails and no file is written.

    :param group_id: the group (templated).
    :param target_path: path or URL of the file on any object storage (templated).
    :param lesson_ids: ids of the lessons, one column each; default all lessons that a member is or was
        scheduled to (templated).
    :param lesson_names: instead of ``lesson_ids``, names of the lessons (templated).
    :param title: heading of the HTML file; default the group's name (templated).
    :param file_format: ``html``, ``csv`` or ``parquet``, which needs the extra ``parquet``.
    :param include_child_groups: include the members of all groups below.
    :param include_inactive: include inactive users.
    :param include_supervisors: include the active supervisors of each user: in CSV and Parquet the columns
        ``supervisors`` and ``supervisor_email_addresses``, in HTML below the name. Calls
        ``listGroupSupervisors`` for each group of the users, ``getLessonSchedule`` for one schedule of each
        user, which names direct supervisors, and ``getUser`` for each supervisor that is in no listing.
    :param require_passed: count only completions with a passed test.
    :param valid_for: count only completions that are not older when the task runs: a ``timedelta``, or text
        such as ``12 months`` or ``90 days`` (templated).
    :param time_zone: IANA time zone of the dates, such as ``Australia/Perth``.
    :return: ``{"uri", "people", "lessons", "statuses": {"overdue": 3, ...}, "bytes", "sha256"}``; ``uri`` and
        ``sha256`` are XComs of their own, too.
    :raises DamstraNotFoundError: if the group or a lesson does not exist.
    """

    xcom_keys = ("uri", "sha256")
    template_fields = (
        "group_id",
        "target_path",
        "lesson_ids",
        "lesson_names",
        "title",
        "valid_for",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        group_id: Id,
        target_path: Text,
        lesson_ids: Ids | None = None,
        lesson_names: Texts | None = None,
        title: Text | None = None,
        file_format: Literal["html", "csv", "parquet"] = "html",
        include_child_groups: bool = False,
        include_inactive: bool = False,
        include_supervisors: bool = False,
        require_passed: bool = False,
        valid_for: Duration | None = None,
        time_zone: str = "UTC",
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_at_most_one(lesson_ids=lesson_ids, lesson_names=lesson_names)
        validate_choice("file_format", file_format, "html", "csv", "parquet")
        validate_booleans(
            include_child_groups=include_child_groups,
            include_inactive=include_inactive,
            include_supervisors=include_supervisors,
            require_passed=require_passed,
        )
        if valid_for is not None and not is_rendered_later(valid_for):
            parse_duration("valid_for", valid_for)
        validate_time_zone("time_zone", time_zone)
        self.group_id = group_id
        self.target_path = cast("str", target_path)
        self.lesson_ids = lesson_ids
        self.lesson_names = lesson_names
        self.title = cast("str | None", title)
        self.file_format = file_format
        self.include_child_groups = include_child_groups
        self.include_inactive = include_inactive
        self.include_supervisors = include_supervisors
        self.require_passed = require_passed
        self.valid_for = valid_for
        self.time_zone = time_zone

    def _execute(self, context: Context) -> dict[str, Any]:
        """Write the file and return its URI, counts, size and SHA-256."""
        from airflow_provider_damstra.exports.formats import require_format
        from airflow_provider_damstra.exports.training_matrix.matrix import (
            TrainingMatrixRequest,
            read_training_matrix,
        )

        wanted = TrainingMatrixRequest(
            **self.request_fields(TrainingMatrixRequest),
            include_child_groups=self.include_child_groups,
            include_inactive=self.include_inactive,
            include_supervisors=self.include_supervisors,
        )
        completion = self._completion_requirements()
        validate_writable_path("target_path", self.target_path, task_try=self.task_try)
        require_format(self.file_format, None)
        matrix = read_training_matrix(
            self.client, wanted, read_schedules=self._read_schedules, completion=completion
        )
        content = self._to_bytes(matrix)
        atomic_write(self.target_path, content, task_try=self.task_try)
        counts = {"people": len(matrix.rows), "lessons": len(matrix.lessons), "statuses": matrix.counts()}
        self.log.info("Training matrix of group %r: %s (%s)", matrix.group.name, self.target_path, counts)
        digest = hashlib.sha256(content).hexdigest()
        return {"uri": self.target_path, **counts, "bytes": len(content), "sha256": digest}

    def _completion_requirements(self) -> CompletionRequirements:
        from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements

        valid_for = None if self.valid_for is None else parse_duration("valid_for", self.valid_for)
        return CompletionRequirements(require_passed=self.require_passed, valid_for=valid_for)

    def _read_schedules(self, user_ids: Sequence[int]) -> ResourceReader:
        from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery

        settings = self.hook.settings
        query = ResourceQuery(
            resource=RESOURCES["lesson_schedules"],
            parent_ids=user_ids,
            max_concurrency=settings.max_concurrency,
            deduplicates=True,
        )
        return create_reader(query, settings)

    def _to_bytes(self, matrix: TrainingMatrix) -> bytes:
        time_zone = ZoneInfo(self.time_zone)
        if self.file_format == "html":
            from airflow_provider_damstra.exports.training_matrix.rendering import to_html

            return to_html(matrix, time_zone=time_zone, title=self.title)
        from airflow_provider_damstra.exports.training_matrix.rendering import to_csv, to_parquet

        return (to_csv if self.file_format == "csv" else to_parquet)(matrix, time_zone=time_zone)
