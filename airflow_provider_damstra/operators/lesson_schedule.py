"""Operators for one lesson schedule. DAGs import them from ``operators.lesson``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.arguments import exactly_one, flags, one_of
from airflow_provider_damstra.operators.base import DamstraOperator

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Id
    from airflow_provider_damstra.endpoints import DownloadCertificate


class DamstraCompleteLessonOperator(DamstraOperator):
    """Record that a user completed a lesson, and return the ids of the completed lesson schedules.

    A completion of the same lesson at the same second that is there already is returned and not recorded
    again: take the moment from the record or the DAG run, and not from ``now()``. Calls
    ``listUserLessonSchedules`` and, if need be, ``completeLesson``.

    :param user_id: the trainee (templated).
    :param lesson_id: the lesson, of which the published version counts (templated); or
    :param lesson_version_id: one version of it (templated).
    :param completed_date: when it was completed, with a time zone (templated).
    :param manually_completed_by_user_id: the active user who vouches for it (templated).
    """

    template_fields = (
        "user_id",
        "lesson_id",
        "lesson_version_id",
        "completed_date",
        "manually_completed_by_user_id",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        user_id: Id,
        completed_date: datetime | str,
        manually_completed_by_user_id: Id,
        lesson_id: Id | None = None,
        lesson_version_id: Id | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        exactly_one(lesson_id=lesson_id, lesson_version_id=lesson_version_id)
        self.user_id = user_id
        self.lesson_id = lesson_id
        self.lesson_version_id = lesson_version_id
        self.completed_date = completed_date
        self.manually_completed_by_user_id = manually_completed_by_user_id

    def act(self, context: Context) -> list[int]:
        """Return the completed lesson schedules."""
        from airflow_provider_damstra.actions.completions import complete_lesson
        from airflow_provider_damstra.endpoints import CompleteLesson

        wanted = CompleteLesson(
            user_id=self.user_id,
            lesson_id=self.lesson_id,
            lesson_version_id=self.lesson_version_id,
            completed_date=self.completed_date,
            manually_completed_by_user_id=self.manually_completed_by_user_id,
        )
        ids, was_recorded = complete_lesson(self.caller, wanted)
        self.log.info(
            "User %s: completion %s", self.user_id, "recorded" if was_recorded else "is there already"
        )
        return ids


class DamstraDownloadCertificateOperator(DamstraOperator):
    """Save the certificate of a completed and passed lesson schedule as a PDF file, and return where.

    Returns ``{"path": ..., "bytes": ..., "sha256": ...}``. The file is written under another name and then
    moved, so that nobody reads half of it. Calls ``downloadCertificate``.

    :param lesson_schedule_id: the lesson schedule (templated).
    :param path: path or URL on any object storage: the file, or a folder if it ends in ``/``, where the file
        is named ``certificate-<lesson_schedule_id>.pdf`` (templated).
    :param on_missing: when there is no certificate, for the lesson is not completed or not passed: ``fail``
        or ``skip`` the task.
    """

    template_fields = ("lesson_schedule_id", "path", "damstra_conn_id")

    def __init__(self, *, lesson_schedule_id: Id, path: str, on_missing: str = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        one_of("on_missing", on_missing, "fail", "skip")
        self.lesson_schedule_id = lesson_schedule_id
        self.path = path
        self.on_missing = on_missing

    def act(self, context: Context) -> dict[str, Any]:
        """Return the file's place, size and SHA-256."""
        import hashlib

        from airflow_provider_damstra.endpoints import DownloadCertificate
        from airflow_provider_damstra.storage import refuse_what_is_no_file, write_whole

        call = DownloadCertificate(lesson_schedule_id=self.lesson_schedule_id)
        is_folder = str(self.path).endswith("/")
        path = f"{self.path}certificate-{call.lesson_schedule_id}.pdf" if is_folder else self.path
        refuse_what_is_no_file("path", path, attempt=self.attempt)
        content = self._downloaded(call)
        write_whole(path, content, attempt=self.attempt)
        self.log.info(
            "Certificate of lesson schedule %s: %s (%d bytes)", self.lesson_schedule_id, path, len(content)
        )
        return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def _downloaded(self, call: DownloadCertificate) -> bytes:
        """Return the certificate, or skip the task if there is none and that may be."""
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_provider_damstra.errors import DamstraNotFoundError

        try:
            return self.caller.call(call)
        except DamstraNotFoundError as error:
            # What a proxy does not find may be there.
            if self.on_missing == "fail" or error.is_foreign:
                raise
            raise AirflowSkipException(f"There is no certificate: {error}") from error


class DamstraGetEmbedUrlOperator(DamstraOperator):
    """Get the URL of the lesson player for one lesson schedule, and write it to a file or return it.

    The URL carries a token: a secret. It is masked in the logs; in XCom it would stand in clear, so that must
    be asked for by name. Calls ``getEmbedUrl`` or ``getEmbedUrlAllLessonTypes``.

    :param lesson_schedule_id: the lesson schedule (templated).
    :param path: path or URL on any object storage of the file to write it to; its path is returned
        (templated); or
    :param return_in_clear: True to return the URL itself, readable to all who may see XComs.
    :param all_lesson_types: ask the operation that knows every type of lesson.
    """

    template_fields = ("lesson_schedule_id", "path", "damstra_conn_id")

    def __init__(
        self,
        *,
        lesson_schedule_id: Id,
        path: str | None = None,
        return_in_clear: bool = False,
        all_lesson_types: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        flags(all_lesson_types=all_lesson_types, return_in_clear=return_in_clear)
        exactly_one(path=path, return_in_clear=return_in_clear or None)
        self.lesson_schedule_id = lesson_schedule_id
        self.path = path
        self.all_lesson_types = all_lesson_types

    def act(self, context: Context) -> str:
        """Return the path of the file that holds the URL, or the URL itself."""
        from airflow_provider_damstra.endpoints import GetEmbedUrl, GetEmbedUrlAllLessonTypes

        endpoint = GetEmbedUrlAllLessonTypes if self.all_lesson_types else GetEmbedUrl
        return self.deliver_secret(endpoint(lesson_schedule_id=self.lesson_schedule_id), self.path)
