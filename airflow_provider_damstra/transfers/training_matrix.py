"""The operator that writes the training matrix of a group to a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, cast
from zoneinfo import ZoneInfo

from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.requirements_arguments import REQUIREMENTS_FIELDS, read_rules
from airflow_provider_damstra.storage import atomic_write
from airflow_provider_damstra.transfers.base import open_reader
from airflow_provider_damstra.transfers.training_evaluation import time_of_run
from airflow_provider_damstra.validation import (
    is_rendered_later,
    validate_at_most_one,
    validate_booleans,
    validate_choice,
    validate_time_zone,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import (
        Duration,
        Id,
        Ids,
        OperatorArguments,
        RuleList,
        Text,
        Texts,
        Time,
    )
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix
    from airflow_provider_damstra.exports.training_matrix.reading import Statuses


class DamstraTrainingMatrixOperator(DamstraOperator):
    """Write the training matrix of a group (users by lessons, with status and dates) to a file.

    With ``requirements`` or ``requirements_path``, the columns are the lessons of the training rules, and a
    status is ``current``, ``expiring``, ``expired``, ``missing``, ``assigned`` or ``overdue``; of several
    rules for a person and lesson the most urgent status counts, and without one it is ``not required``. The
    dates are the completion, the last day on which it counts, and the due date, in the person's own time
    zone. The HTML file also has the share of trained people by lesson and group.

    Without rules, a status is ``completed``, ``due``, ``overdue``, ``scheduled``, ``cancelled`` or ``not
    scheduled``, or a status of Damstra's that this provider does not know, at the time of reading. Of several
    schedules of a user for a lesson the latest counts: one that has not started only if no other has, a
    cancelled one only if there is no other. The file is written under a temporary name and then moved.

    A lesson that was completed with a failed test is ``completed``, unless ``require_passed`` is set: then it
    is ``not passed`` if Damstra has no certificate of it. With ``valid_for`` an older completion, or one
    without a time, is ``expired``. An earlier schedule is not considered instead.

    HTML is one file without external assets, also for mail: its script, which mail clients drop, sorts and
    filters the table. It prints on A3. CSV is UTF-8 with a byte order
    mark; an apostrophe stands before each formula that a spreadsheet would evaluate, also one that separates
    cells by semicolons or tabs. Parquet has the same columns, typed.

    Calls ``getGroup``, ``listGroupMembers``, and ``listUserLessonSchedules`` for each member, at most the
    connection's ``max_concurrency`` concurrently; ``listLessons`` with ``lesson_ids``, and ``listGroups``
    with ``include_child_groups``; with ``require_passed`` also ``downloadCertificate`` for each cell that is
    completed and not expired. For rules also ``listLessons``; ``listGroups`` if one names groups, and
    ``listUsers`` and ``getUser`` if one names users. If a request fails, the task fails and no file is
    written.

    :param group_id: the group (templated).
    :param target_path: path or URL of the file on any object storage (templated).
    :param lesson_ids: ids of the lessons, one column each; default all lessons of the rules, and without
        rules all lessons that a member is or was scheduled to (templated).
    :param lesson_names: instead of ``lesson_ids``, names of the lessons (templated).
    :param requirements: training rules: a list of rules, each a mapping, or YAML or JSON text, such as the
        value of an Airflow Variable (templated).
    :param requirements_path: instead, path or URL of a YAML or JSON file with training rules, on any object
        storage (templated).
    :param at: time of the statuses by the rules, as a datetime or ISO 8601 text with a time zone; default the
        DAG run's ``run_after``. What was created or completed later does not count; groups and roles are
        those of now (templated).
    :param title: heading of the HTML file; default the group's name (templated).
    :param file_format: ``html``, ``csv`` or ``parquet``, which needs the extra ``parquet``.
    :param include_child_groups: include the members of all groups below.
    :param include_inactive: include inactive users.
    :param include_supervisors: include the active supervisors of each user: in CSV and Parquet the columns
        ``supervisors`` and ``supervisor_email_addresses``, in HTML below the name. Calls
        ``listGroupSupervisors`` for each group of the users, ``getLessonSchedule`` for one schedule of each
        user, which names direct supervisors, and ``getUser`` for each supervisor that is in no listing.
    :param require_passed: without rules: count only completions with a passed test.
    :param valid_for: without rules: count only completions that are not older when the task runs: a
        ``timedelta``, or text such as ``12 months`` or ``90 days`` (templated).
    :param time_zone: IANA time zone of the dates, such as ``Australia/Perth``; by rules, of those of users
        without a time zone.
    :return: ``{"uri", "people", "lessons", "statuses": {"overdue": 3, ...}, "bytes", "sha256"}``, by rules
        also ``required`` and ``trained``: the number of required trainings, and of those that are current or
        expiring. ``uri`` and ``sha256`` are XComs of their own, too.
    :raises ValueError: naming every bad rule with its position.
    :raises DamstraNotFoundError: if the group or a lesson does not exist, a rule names what does not exist,
        or a lesson is in no rule.
    """

    xcom_keys = ("uri", "sha256")
    template_fields = (
        "group_id",
        "target_path",
        "lesson_ids",
        "lesson_names",
        *REQUIREMENTS_FIELDS,
        "at",
        "title",
        "valid_for",
        "damstra_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"requirements": "yaml"}

    def __init__(
        self,
        *,
        group_id: Id,
        target_path: Text,
        lesson_ids: Ids | None = None,
        lesson_names: Texts | None = None,
        requirements: RuleList | None = None,
        requirements_path: Text | None = None,
        at: Time | None = None,
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
        validate_at_most_one(requirements=requirements, requirements_path=requirements_path)
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
        self.requirements = requirements
        self.requirements_path = cast("str | None", requirements_path)
        self.at = at
        self.title = cast("str | None", title)
        self.file_format = file_format
        self.include_child_groups = include_child_groups
        self.include_inactive = include_inactive
        self.include_supervisors = include_supervisors
        self.require_passed = require_passed
        self.valid_for = valid_for
        self.time_zone = time_zone
        self._validate_combination()

    def _validate_combination(self) -> None:
        """Raise if an argument has no effect with or without training rules."""
        if not self._has_requirements:
            if self.at is not None:
                raise ValueError("at is for requirements; without them, statuses are those of now")
        elif self.require_passed or self.valid_for is not None:
            raise ValueError("with requirements, require_passed and valid_for are keys of the rules")

    def _execute(self, context: Context) -> dict[str, Any]:
        return self.write_matrix(run_at=time_of_run(context))

    def write_matrix(self, *, run_at: datetime) -> dict[str, Any]:
        """Write the file and return its URI, counts, size and SHA-256.

        :param run_at: time of the statuses by rules, if the argument ``at`` is not given.
        """
        from airflow_provider_damstra.exports.formats import require_format
        from airflow_provider_damstra.exports.training_matrix.reading import (
            TrainingMatrixRequest,
            read_training_matrix,
        )

        wanted = TrainingMatrixRequest(
            **self.request_fields(TrainingMatrixRequest),
            include_child_groups=self.include_child_groups,
            include_inactive=self.include_inactive,
            include_supervisors=self.include_supervisors,
        )
        at = wanted.at or (run_at if self._has_requirements else datetime.now(UTC))
        create_statuses = self._statuses_factory(wanted.lesson_ids, at)
        self.validate_paths("target_path")
        require_format(self.file_format, None)
        matrix = read_training_matrix(
            self.client, wanted, at=at, read_schedules=self._read_schedules, create_statuses=create_statuses
        )
        content = self._to_bytes(matrix)
        atomic_write(self.target_path, content, task_try=self.task_try)
        counts = {"people": len(matrix.rows), "lessons": len(matrix.lessons), **_count_statuses(matrix)}
        self.log.info("Training matrix of group %r: %s (%s)", matrix.group.name, self.target_path, counts)
        digest = hashlib.sha256(content).hexdigest()
        return {"uri": self.target_path, **counts, "bytes": len(content), "sha256": digest}

    @property
    def _has_requirements(self) -> bool:
        return self.requirements is not None or self.requirements_path is not None

    def _statuses_factory(self, lesson_ids: Sequence[int] | None, at: datetime) -> Callable[[], Statuses]:
        """Return what creates the statuses; rules are read here, before the first request."""
        if not self._has_requirements:
            return self._schedule_statuses_factory(lesson_ids, at)
        from airflow_provider_damstra.exports.training_matrix.requirement_status import RequirementStatuses
        from airflow_provider_damstra.requirements.resolution import resolve_rules

        rules, positions = read_rules(self.requirements, self.requirements_path)
        return lambda: RequirementStatuses(
            self.client,
            lesson_ids,
            rules=resolve_rules(self.client, rules, positions),
            at=at,
            time_zone=ZoneInfo(self.time_zone),
        )

    def _schedule_statuses_factory(
        self, lesson_ids: Sequence[int] | None, at: datetime
    ) -> Callable[[], Statuses]:
        from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
        from airflow_provider_damstra.exports.training_matrix.schedule_status import ScheduleStatuses

        valid_for = None if self.valid_for is None else parse_duration("valid_for", self.valid_for)
        completion = CompletionRequirements(require_passed=self.require_passed, valid_for=valid_for)
        return lambda: ScheduleStatuses(self.client, lesson_ids, completion=completion, at=at)

    def _read_schedules(self, user_ids: Sequence[int]) -> ResourceReader:
        return open_reader(self.hook, "lesson_schedules", parent_ids=user_ids)

    def _to_bytes(self, matrix: TrainingMatrix) -> bytes:
        time_zone = ZoneInfo(self.time_zone)
        if self.file_format == "html":
            from airflow_provider_damstra.exports.training_matrix.page import to_html

            return to_html(matrix, time_zone=time_zone, title=self.title)
        from airflow_provider_damstra.exports.training_matrix.data_files import to_csv, to_parquet

        return (to_csv if self.file_format == "csv" else to_parquet)(matrix, time_zone=time_zone)


def _count_statuses(matrix: TrainingMatrix) -> dict[str, Any]:
    from airflow_provider_damstra.exports.training_matrix.shares import shares_of

    if not matrix.has_requirements:
        return {"statuses": matrix.counts()}
    total = shares_of(matrix)[0].total
    return {"statuses": matrix.counts(), "required": total.required, "trained": total.trained}
