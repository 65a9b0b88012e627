"""A group's training matrix as a file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.storage import refuse_what_is_no_file, write_whole
from airflow_provider_damstra.validation import one_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix
    from airflow_provider_damstra.validation import Id, Ids


class DamstraTrainingMatrixOperator(DamstraOperator):
    """Write people by lessons with status and due date for a group, and return where and what it counts.

    Returns ``{"uri", "people", "lessons", "statuses": {"overdue": 3, ...}, "bytes", "sha256"}``. A status is
    ``completed``, ``due``, ``overdue``, ``scheduled``, ``cancelled`` or ``not scheduled``, or a word of
    Damstra's own that this provider does not know; it is of the moment of reading. Of several schedules of a
    person for a lesson the latest decides: one that has not begun yet only if none has, a cancelled one only
    if there is no other. The file is written under another name and then moved.

    HTML is one file without scripts that loads nothing, ready to be sent by mail. CSV is UTF-8 with a byte
    order mark; a value that starts with ``= + - @``, a tab or a carriage return, which a spreadsheet might
    take for a formula, gets a leading apostrophe. Parquet has the same columns, with types.

    Calls ``getGroup``, ``listGroupMembers``, and ``listUserLessonSchedules`` for each person, as many at once
    as the connection's ``max_concurrency`` allows; ``listLessons`` with ``lesson_ids``, and ``listGroups``
    with ``include_child_groups``. If one of the requests fails, so does the task, and no file is written.

    :param group_id: the group (templated).
    :param target_path: path or URL of the file on any object storage (templated).
    :param lesson_ids: the columns; default all lessons that a member is or was scheduled to (templated).
    :param title: heading of the HTML file; default the group's name (templated).
    :param file_format: ``html``, ``csv`` or ``parquet``, which needs the extra ``parquet``.
    :param include_child_groups: show the members of the groups below, too.
    :param include_inactive: show people who are not in the organisation any more, too.
    :param time_zone: IANA name of the zone in which days are counted, such as ``Australia/Perth``.
    """

    template_fields = ("group_id", "target_path", "lesson_ids", "title", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        target_path: str,
        lesson_ids: Ids | None = None,
        title: str | None = None,
        file_format: str = "html",
        include_child_groups: bool = False,
        include_inactive: bool = False,
        time_zone: str = "UTC",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        one_of("file_format", file_format, "html", "csv", "parquet")
        one_of("include_child_groups", include_child_groups, True, False)
        one_of("include_inactive", include_inactive, True, False)
        _refuse_unknown_zone(time_zone)
        self.group_id = group_id
        self.target_path = target_path
        self.lesson_ids = lesson_ids
        self.title = title
        self.file_format = file_format
        self.include_child_groups = include_child_groups
        self.include_inactive = include_inactive
        self.time_zone = time_zone

    def act(self, context: Context) -> dict[str, Any]:
        """Return where the file is, what it counts, its size and its SHA-256."""
        from airflow_provider_damstra.exports.formats import refuse_missing_format
        from airflow_provider_damstra.exports.training_matrix.matrix import (
            TrainingMatrixRequest,
            read_training_matrix,
        )

        wanted = TrainingMatrixRequest(
            group_id=self.group_id,
            lesson_ids=self.lesson_ids,
            include_child_groups=self.include_child_groups,
            include_inactive=self.include_inactive,
        )
        refuse_what_is_no_file("target_path", self.target_path, attempt=self.attempt)
        refuse_missing_format(self.file_format, None)
        matrix = read_training_matrix(self.caller, wanted)
        content = self._content(matrix)
        write_whole(self.target_path, content, attempt=self.attempt)
        counts = {"people": len(matrix.people), "lessons": len(matrix.lessons), "statuses": matrix.counts()}
        self.log.info("Training matrix of group %s: %s (%s)", matrix.group.name, self.target_path, counts)
        digest = hashlib.sha256(content).hexdigest()
        return {"uri": self.target_path, **counts, "bytes": len(content), "sha256": digest}

    def _content(self, matrix: TrainingMatrix) -> bytes:
        time_zone = ZoneInfo(self.time_zone)
        if self.file_format == "csv":
            from airflow_provider_damstra.exports.training_matrix.csv_file import as_csv

            return as_csv(matrix, time_zone=time_zone)
        if self.file_format == "parquet":
            from airflow_provider_damstra.exports.training_matrix.parquet import as_parquet

            return as_parquet(matrix, time_zone=time_zone)
        from airflow_provider_damstra.exports.training_matrix.html import as_html

        return as_html(matrix, time_zone=time_zone, title=self.title)


def _refuse_unknown_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError(f"time_zone is {name!r}; it is an IANA time zone such as Australia/Perth") from None
