"""Operators for lessons: schedules, completions, certificates and the player's URL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from airflow_provider_damstra.id_arguments import USER_FIELDS, USER_LIST_FIELDS
from airflow_provider_damstra.operators.base import (
    CREATED_XCOM_KEYS,
    FILE_XCOM_KEYS,
    DamstraOperator,
    ResultFileMixin,
)
from airflow_provider_damstra.operators.user_arguments import OnEmptyMixin, UserListMixin, UserMixin
from airflow_provider_damstra.validation import (
    validate_booleans,
    validate_choice,
    validate_exactly_one,
    validate_literal,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import (
        Id,
        Ids,
        OnEmptyArguments,
        OperatorArguments,
        Text,
        Texts,
        Time,
        UserArguments,
    )


class DamstraScheduleLessonsOperator(UserListMixin, OnEmptyMixin, ResultFileMixin):
    """Schedule users to lessons, several users concurrently.

    Calls ``listUserLessonSchedules`` for each user and, for what is missing, ``scheduleUser``;
    ``listLessons`` to find lessons by id or name. An open schedule is kept, and a lesson that was scheduled
    in this DAG run and completed since is not scheduled again: a retry or a cleared task schedules nothing
    twice. An error of one user does not affect the others.

    Pushes XComs: ``created`` and ``existing``, ids of lesson schedules that the task created, in this try or
    an earlier one, and of others; ``failed``, ids of the users who were not scheduled, and ``inactive``, of
    those among them who are inactive. With ``result_path`` they are numbers. They are also pushed if the task
    fails because of some users.

    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param lesson_version_ids: ids of versions of lessons (templated); or
    :param lesson_ids: ids of lessons, of which the newest active version is scheduled (templated); or
    :param lesson_names: names of lessons, of which the newest active version is scheduled (templated).
    :param grace_period: time to complete the lessons, in ``grace_period_unit`` (templated).
    :param grace_period_unit: ``days`` or ``months`` (templated).
    :param schedule_date: start, as a datetime or ISO 8601 text with a time zone; default now (templated).
    :param if_exists: ``return`` an existing open schedule, or ``fail`` for its user. What an earlier try of
        the task scheduled does not count as existing (on Airflow 3.3, which stores it).
    :param if_completed: ``schedule`` a user again who completed the same version before this DAG run, or
        ``skip``: return the completed schedule, regardless of its age and of the result of its test; with it
        ``if_exists`` does not fail.
    :param on_partial_failure: if some users failed, ``fail`` the task after all were tried, or ``continue``
        with a warning. If all failed, or the cause concerns every user, the task fails.
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users or no lessons.
    :param result_path: path or URL, on any object storage, of a file to write the result to as JSON lines
        (templated).
    :return: a list such as ``[{"user_id": 7, "lesson_schedule_ids": [1, 2]}]``, which
        ``DamstraLessonScheduleSensor`` accepts; with ``result_path`` the file's ``path``, ``rows`` and
        ``sha256``.
    :raises DamstraNotFoundError: if lessons or users do not exist, naming all; no user is scheduled then.
    :raises DamstraConflictError: if several lessons or users have a name, or ``if_exists`` is ``fail`` and
        schedules exist.
    """

    xcom_keys = (*CREATED_XCOM_KEYS, "failed", "inactive", *FILE_XCOM_KEYS)
    template_fields = (
        *USER_LIST_FIELDS,
        "lesson_version_ids",
        "lesson_ids",
        "lesson_names",
        "grace_period",
        "grace_period_unit",
        "schedule_date",
        "result_path",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        lesson_version_ids: Ids | None = None,
        lesson_ids: Ids | None = None,
        lesson_names: Texts | None = None,
        grace_period: Id = 14,
        grace_period_unit: Literal["days", "months"] | Text = "days",
        schedule_date: Time | None = None,
        if_exists: Literal["return", "fail"] = "return",
        if_completed: Literal["schedule", "skip"] = "schedule",
        on_partial_failure: Literal["fail", "continue"] = "fail",
        result_path: Text | None = None,
        **kwargs: Unpack[OnEmptyArguments],
    ) -> None:
        super().__init__(result_path=result_path, **kwargs)
        validate_exactly_one(
            lesson_version_ids=lesson_version_ids, lesson_ids=lesson_ids, lesson_names=lesson_names
        )
        validate_literal("grace_period_unit", grace_period_unit, "days", "months")
        validate_choice("if_exists", if_exists, "return", "fail")
        validate_choice("if_completed", if_completed, "schedule", "skip")
        validate_choice("on_partial_failure", on_partial_failure, "fail", "continue")
        self.lesson_version_ids = lesson_version_ids
        self.lesson_ids = lesson_ids
        self.lesson_names = lesson_names
        self.grace_period = grace_period
        self.grace_period_unit = grace_period_unit
        self.schedule_date = schedule_date
        self.if_exists = if_exists
        self.if_completed = if_completed
        self.on_partial_failure = on_partial_failure

    def _execute(self, context: Context) -> Any:
        from airflow_provider_damstra.services.failed_users import report_failed_users
        from airflow_provider_damstra.services.lesson import LessonAssignment, schedule_users
        from airflow_provider_damstra.services.status import find_inactive_users

        self.validate_not_empty(*USER_LIST_FIELDS, "lesson_version_ids", "lesson_ids", "lesson_names")
        self.validate_paths("result_path")
        assignment = LessonAssignment(**self.request_fields(LessonAssignment))
        dag_run: Any = context.get("dag_run")
        results, failed = schedule_users(
            self.client,
            assignment.requests(self.client),
            if_exists=self.if_exists,
            if_completed=self.if_completed,
            since=getattr(dag_run, "run_after", None),
        )
        created = [schedule_id for result in results for schedule_id in result.created]
        existing = [schedule_id for result in results for schedule_id in result.existing]
        self.log.info("%d lesson schedules created, %d were there already", len(created), len(existing))
        inactive = find_inactive_users(self.client, failed)
        self.push_ids(
            context,
            {"created": created, "existing": existing, "failed": list(failed), "inactive": inactive},
        )
        if failed:
            report_failed_users(
                failed,
                inactive=inactive,
                scheduled=len(results),
                can_continue=self.on_partial_failure == "continue",
            )
        return self.return_or_write(
            [
                {"user_id": result.user_id, "lesson_schedule_ids": result.lesson_schedule_ids}
                for result in results
            ]
        )


class DamstraCompleteLessonOperator(UserMixin):
    """Record that a user completed a lesson.

    Calls ``listUserLessonSchedules`` and, if there is no completion of the lesson at the same second,
    ``completeLesson``. A retry finds what an earlier try recorded by that second: take ``completed_date``
    from the record or the DAG run, not from ``now()``.

    :param user_id: id of the trainee (templated); or
    :param employee_number: employee number of the trainee (templated); or
    :param email_address: e-mail address of the trainee (templated).
    :param lesson_id: id of the lesson, of which the published version is completed (templated); or
    :param lesson_version_id: id of a version of a lesson (templated); or
    :param lesson_name: name of the lesson, of which the published version is completed (templated).
    :param completed_date: time of completion, as a datetime or ISO 8601 text with a time zone (templated).
    :param manually_completed_by_user_id: id of the active user who confirms the completion (templated); or
    :param manually_completed_by_employee_number: employee number of this user (templated); or
    :param manually_completed_by_email_address: e-mail address of this user (templated).
    :return: ids of the completed lesson schedules. The XCom ``created`` has them if the task recorded the
        completion, in this try or an earlier one, else the XCom ``existing``.
    """

    xcom_keys = CREATED_XCOM_KEYS

    template_fields = (
        *USER_FIELDS,
        "lesson_id",
        "lesson_version_id",
        "lesson_name",
        "completed_date",
        "manually_completed_by_user_id",
        "manually_completed_by_employee_number",
        "manually_completed_by_email_address",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        completed_date: Time,
        manually_completed_by_user_id: Id | None = None,
        manually_completed_by_employee_number: Id | None = None,
        manually_completed_by_email_address: Text | None = None,
        lesson_id: Id | None = None,
        lesson_version_id: Id | None = None,
        lesson_name: Text | None = None,
        **kwargs: Unpack[UserArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(
            lesson_id=lesson_id, lesson_version_id=lesson_version_id, lesson_name=lesson_name
        )
        validate_exactly_one(
            manually_completed_by_user_id=manually_completed_by_user_id,
            manually_completed_by_employee_number=manually_completed_by_employee_number,
            manually_completed_by_email_address=manually_completed_by_email_address,
        )
        self.lesson_id = lesson_id
        self.lesson_version_id = lesson_version_id
        self.lesson_name = lesson_name
        self.completed_date = completed_date
        self.manually_completed_by_user_id = manually_completed_by_user_id
        self.manually_completed_by_employee_number = manually_completed_by_employee_number
        self.manually_completed_by_email_address = manually_completed_by_email_address

    def _execute(self, context: Context) -> list[int]:
        from airflow_provider_damstra.endpoints import CompleteLesson
        from airflow_provider_damstra.services.lesson import complete_lesson

        request = CompleteLesson(**self.request_fields(CompleteLesson))
        ids, was_recorded = complete_lesson(self.client, request)
        state = "recorded" if was_recorded else "is there already"
        self.log.info("User %d: completion %s", request.user_id, state)
        created, existing = (ids, []) if was_recorded else ([], ids)
        self.push_xcoms(context, created=created, existing=existing)
        return ids


class DamstraDownloadCertificateOperator(DamstraOperator):
    """Download certificates of completed and passed lesson schedules to PDF files.

    Calls ``downloadCertificate`` for each lesson schedule, several concurrently. A file is written under a
    temporary name and then moved, so that readers never see a part of it. A retry replaces the files.

    :param lesson_schedule_id: id of one lesson schedule (templated); or
    :param lesson_schedule_ids: ids of several (templated). The error of one fails the task after the others.
    :param path: path or URL, on any object storage: of the file, or of a folder if it ends in ``/``, as with
        ``lesson_schedule_ids``; there a file is named ``certificate-<lesson_schedule_id>.pdf`` (templated).
    :param on_missing: ``fail``, or ``skip`` certificates of lessons that are not completed or not passed; a
        task without any certificate is skipped.
    :return: a dictionary of the file's ``path``, its size in ``bytes``, and its ``sha256``; ``path`` and
        ``sha256`` are XComs of their own, too. With ``lesson_schedule_ids`` a list of these dictionaries.
    :raises DamstraNotFoundError: if there is no certificate and ``on_missing`` is ``fail``.
    """

    xcom_keys = FILE_XCOM_KEYS
    template_fields = ("lesson_schedule_id", "lesson_schedule_ids", "path", "damstra_conn_id")

    def __init__(
        self,
        *,
        lesson_schedule_id: Id | None = None,
        lesson_schedule_ids: Ids | None = None,
        path: Text,
        on_missing: Literal["fail", "skip"] = "fail",
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("on_missing", on_missing, "fail", "skip")
        validate_exactly_one(lesson_schedule_id=lesson_schedule_id, lesson_schedule_ids=lesson_schedule_ids)
        self.lesson_schedule_id = lesson_schedule_id
        self.lesson_schedule_ids = lesson_schedule_ids
        self.path = cast("str", path)
        self.on_missing = on_missing

    def _execute(self, context: Context) -> dict[str, Any] | list[dict[str, Any]]:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_provider_damstra.services.certificates import save_certificates
        from airflow_provider_damstra.storage import validate_writable_path
        from airflow_provider_damstra.text import join_first

        ids = self._parse_ids()
        validate_writable_path("path", self._file(ids[0]), task_try=self.task_try)
        saved = save_certificates(self.client, ids, save=self._save, skip_missing=self.on_missing == "skip")
        if not saved:
            of = join_first([f"lesson schedule {one}" for one in ids])
            raise AirflowSkipException(f"There is no certificate: not completed and passed: {of}")
        return saved[0] if self.lesson_schedule_ids is None else saved

    def _parse_ids(self) -> Sequence[int]:
        from airflow_provider_damstra.endpoints import DownloadCertificate
        from airflow_provider_damstra.services.certificates import DownloadCertificates

        if self.lesson_schedule_ids is None:
            return [DownloadCertificate(**self.request_fields(DownloadCertificate)).lesson_schedule_id]
        if not str(self.path).endswith("/"):
            raise ValueError(f"path is {self.path!r}; with lesson_schedule_ids it is a folder that ends in /")
        return DownloadCertificates(**self.request_fields(DownloadCertificates)).lesson_schedule_ids

    def _file(self, schedule_id: int) -> str:
        return f"{self.path}certificate-{schedule_id}.pdf" if str(self.path).endswith("/") else self.path

    def _save(self, schedule_id: int, content: bytes) -> dict[str, Any]:
        from airflow_provider_damstra.storage import atomic_write

        path, size = self._file(schedule_id), len(content)
        atomic_write(path, content, task_try=self.task_try)
        self.log.info("Certificate of lesson schedule %d: %s (%d bytes)", schedule_id, path, size)
        return {"path": path, "bytes": size, "sha256": hashlib.sha256(content).hexdigest()}


class DamstraGetEmbedUrlOperator(DamstraOperator):
    """Get the URL of the lesson player for one lesson schedule, and write it to a file or return it.

    Calls ``getEmbedUrl`` or ``getEmbedUrlAllLessonTypes``. The URL contains a token, a secret: it is masked
    in logs, but XCom would show it, so ``path`` or ``return_in_clear`` is required.

    :param lesson_schedule_id: id of the lesson schedule (templated).
    :param path: path or URL, on any object storage, of the file to write the URL to (templated); or
    :param return_in_clear: return the URL itself; users with access to XComs can read it.
    :param all_lesson_types: call ``getEmbedUrlAllLessonTypes``, which supports every type of lesson.
    :return: the path of the file, or the URL.
    """

    template_fields = ("lesson_schedule_id", "path", "damstra_conn_id")

    def __init__(
        self,
        *,
        lesson_schedule_id: Id,
        path: Text | None = None,
        return_in_clear: bool = False,
        all_lesson_types: bool = False,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_booleans(all_lesson_types=all_lesson_types, return_in_clear=return_in_clear)
        validate_exactly_one(path=path, return_in_clear=return_in_clear or None)
        self.lesson_schedule_id = lesson_schedule_id
        self.path = cast("str | None", path)
        self.all_lesson_types = all_lesson_types

    def _execute(self, context: Context) -> str:
        from airflow_provider_damstra.endpoints import GetEmbedUrl, GetEmbedUrlAllLessonTypes

        endpoint = GetEmbedUrlAllLessonTypes if self.all_lesson_types else GetEmbedUrl
        return self.return_or_write_secret(endpoint(**self.request_fields(endpoint)), self.path)
