"""Operators for lessons: who is to do them, who did, and the certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.base import DamstraOperator, ResultFileMixin, UserListMixin
from airflow_provider_damstra.validation import validate_booleans, validate_choice, validate_exactly_one

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_damstra.endpoints import DownloadCertificate, ScheduleUser
    from airflow_provider_damstra.errors import DamstraError
    from airflow_provider_damstra.validation import Id, Ids

_SHOWN = 20


class DamstraScheduleLessonsOperator(UserListMixin, ResultFileMixin):
    """Schedule users to lessons, and return for each user the ids of its lesson schedules.

    A user who has an open schedule for a lesson keeps it, and one that was scheduled in this DAG run and has
    done the lesson meanwhile is not scheduled again: a retry or a cleared task does nothing twice. Users are
    worked on side by side; one that fails does not keep the others from being scheduled. Calls
    ``listUserLessonSchedules`` and, if something is missing, ``scheduleUser`` for each user, and
    ``listLessons`` to find lessons by name or id.

    Returns a list of ``{"user_id": 7, "lesson_schedule_ids": [1, 2]}``, which ``DamstraLessonScheduleSensor``
    takes; who was not scheduled, with ``on_partial_failure="continue"``, is the XCom ``failed``.

    :param user_ids: one user or several: ids, or a text such as ``1,2`` (templated).
    :param lesson_version_ids: the versions of the lessons (templated); or
    :param lesson_ids: the lessons, of which the newest active version is meant (templated); or
    :param lesson_names: the lessons' names, exactly (templated).
    :param grace_period: how long a trainee has, in ``grace_period_unit`` (templated).
    :param grace_period_unit: ``days`` or ``months`` (templated).
    :param schedule_date: from when on the lesson can be done, with a time zone; default now (templated).
    :param if_exists: ``return`` an open schedule that is there already, or ``fail`` for that user. What an
        earlier attempt of the task scheduled is none of them (on Airflow 3.3, which keeps that).
    :param if_completed: ``schedule`` again who completed the same version before this DAG run, or ``skip``:
        the completed schedule is returned, whatever its age, and is no reason to fail.
    :param on_partial_failure: when some users failed, ``fail`` the task after all were tried, or ``continue``
        with a warning.
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param result_path: write the result as JSON lines to this path or URL on any object storage, and return
        its ``path``, ``rows`` and ``sha256`` instead (templated). The XCom ``failed`` is then a number.
    """

    template_fields = (
        "user_ids",
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
        user_ids: Ids,
        lesson_version_ids: Ids | None = None,
        lesson_ids: Ids | None = None,
        lesson_names: Sequence[str] | str | None = None,
        grace_period: int | str = 14,
        grace_period_unit: str = "days",
        schedule_date: datetime | str | None = None,
        if_exists: str = "return",
        if_completed: str = "schedule",
        on_partial_failure: str = "fail",
        on_empty: str = "fail",
        result_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(user_ids=user_ids, on_empty=on_empty, result_path=result_path, **kwargs)
        validate_exactly_one(
            lesson_version_ids=lesson_version_ids, lesson_ids=lesson_ids, lesson_names=lesson_names
        )
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
        """Return each user's lesson schedules, or the file that they are in."""
        from airflow_provider_damstra.services.lesson import LessonAssignment, schedule_users

        self.refuse_unwritable_result()
        assignment = LessonAssignment(
            user_ids=self.user_ids,
            lesson_version_ids=self.lesson_version_ids,
            lesson_ids=self.lesson_ids,
            lesson_names=self.lesson_names,
            grace_period=self.grace_period,
            grace_period_unit=self.grace_period_unit,
            schedule_date=self.schedule_date,
        )
        run: Any = context.get("dag_run")
        calls = assignment.calls(self.client)
        done, failed = schedule_users(
            self.client,
            calls,
            refused=self._refused(calls),
            if_completed=self.if_completed,
            since=getattr(run, "run_after", None),
        )
        created, existing = (sum(len(getattr(one, name)) for one in done) for name in ("created", "existing"))
        self.log.info("%d lesson schedules created, %d were there already", created, existing)
        self._report(failed, done=len(done))
        context["ti"].xcom_push(key="failed", value=list(failed) if self.result_path is None else len(failed))
        return self.deliver(
            [{"user_id": one.user_id, "lesson_schedule_ids": one.lesson_schedule_ids} for one in done]
        )

    def _refused(self, calls: Sequence[ScheduleUser]) -> Collection[int]:
        """Return the schedules that must not be there: those that were open before the first attempt."""
        from airflow_provider_damstra.services.lesson import open_schedules

        if self.if_exists == "return":
            return ()
        return frozenset(self.task_state.setdefault("open_before", open_schedules(self.client, calls)))

    def _report(self, failed: dict[int, DamstraError], *, done: int) -> None:
        """Say who failed and why; and fail, if that is wanted or nothing worked.

        The error is one that a retry may mend, if there is one: the others do not take that chance away.
        """
        from airflow_provider_damstra.errors import affects_every_call, is_permanent

        if not failed:
            return
        errors = list(failed.values())
        reasons = [f"\n  user {user_id}: {error}" for user_id, error in failed.items()]
        more = f"\n  and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        shown = "".join(reasons[:_SHOWN]) + more
        message = f"{len(failed)} users could not be scheduled, {done} were:{shown}"
        if self.on_partial_failure == "continue" and done and not any(map(affects_every_call, errors)):
            self.log.warning(message)
            return
        chosen = next((error for error in errors if not is_permanent(error)), errors[0])
        chosen.args = (message,)
        raise chosen


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
        validate_exactly_one(lesson_id=lesson_id, lesson_version_id=lesson_version_id)
        self.user_id = user_id
        self.lesson_id = lesson_id
        self.lesson_version_id = lesson_version_id
        self.completed_date = completed_date
        self.manually_completed_by_user_id = manually_completed_by_user_id

    def _execute(self, context: Context) -> list[int]:
        """Return the completed lesson schedules."""
        from airflow_provider_damstra.endpoints import CompleteLesson
        from airflow_provider_damstra.services.lesson import complete_lesson

        wanted = CompleteLesson(
            user_id=self.user_id,
            lesson_id=self.lesson_id,
            lesson_version_id=self.lesson_version_id,
            completed_date=self.completed_date,
            manually_completed_by_user_id=self.manually_completed_by_user_id,
        )
        ids, was_recorded = complete_lesson(self.client, wanted)
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
        validate_choice("on_missing", on_missing, "fail", "skip")
        self.lesson_schedule_id = lesson_schedule_id
        self.path = path
        self.on_missing = on_missing

    def _execute(self, context: Context) -> dict[str, Any]:
        """Return the file's place, size and SHA-256."""
        import hashlib

        from airflow_provider_damstra.endpoints import DownloadCertificate
        from airflow_provider_damstra.storage import atomic_write, validate_writable_path

        call = DownloadCertificate(lesson_schedule_id=self.lesson_schedule_id)
        is_folder = str(self.path).endswith("/")
        path = f"{self.path}certificate-{call.lesson_schedule_id}.pdf" if is_folder else self.path
        validate_writable_path("path", path, task_try=self.task_try)
        content = self._downloaded(call)
        atomic_write(path, content, task_try=self.task_try)
        self.log.info(
            "Certificate of lesson schedule %s: %s (%d bytes)", self.lesson_schedule_id, path, len(content)
        )
        return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def _downloaded(self, call: DownloadCertificate) -> bytes:
        """Return the certificate, or skip the task if there is none and that may be."""
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_provider_damstra.errors import DamstraNotFoundError

        try:
            return self.client.call(call)
        except DamstraNotFoundError as error:
            # What a proxy does not find may be there.
            if self.on_missing == "fail" or error.is_from_proxy:
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
        validate_booleans(all_lesson_types=all_lesson_types, return_in_clear=return_in_clear)
        validate_exactly_one(path=path, return_in_clear=return_in_clear or None)
        self.lesson_schedule_id = lesson_schedule_id
        self.path = path
        self.all_lesson_types = all_lesson_types

    def _execute(self, context: Context) -> str:
        """Return the path of the file that holds the URL, or the URL itself."""
        from airflow_provider_damstra.endpoints import GetEmbedUrl, GetEmbedUrlAllLessonTypes

        endpoint = GetEmbedUrlAllLessonTypes if self.all_lesson_types else GetEmbedUrl
        return self.return_or_write_secret(endpoint(lesson_schedule_id=self.lesson_schedule_id), self.path)
