"""Operators for lessons, lesson schedules and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.arguments import exactly_one, one_of
from airflow_provider_damstra.operators.base import DamstraOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_damstra.errors import DamstraError
    from airflow_provider_damstra.operators.arguments import Id, Ids


class DamstraScheduleLessonsOperator(DamstraOperator):
    """Schedule users to lessons, and return for each user the ids of its lesson schedules.

    A user who has an open schedule for a lesson keeps it: only what is missing is created, so a retry does
    nothing twice. Users are worked on side by side; one that fails does not keep the others from being
    scheduled. Calls ``scheduleUser`` for each user, ``listLessons`` to find lessons by name or id, and
    ``listUserLessonSchedules`` where a schedule exists or an answer was lost.

    Returns a list of ``{"user_id": 7, "lesson_schedule_ids": [1, 2]}``, which ``DamstraLessonScheduleSensor``
    takes.

    :param user_ids: one user or several: ids, or a text such as ``1,2`` (templated).
    :param lesson_version_ids: the versions of the lessons (templated); or
    :param lesson_ids: the lessons, of which the newest active version is meant (templated); or
    :param lesson_names: the lessons' names, exactly (templated).
    :param grace_period: how long a trainee has, in ``grace_period_unit`` (templated).
    :param grace_period_unit: ``days`` or ``months`` (templated).
    :param schedule_date: from when on the lesson can be done, with a time zone; default now (templated).
    :param if_exists: ``return`` an open schedule that is there already, or ``fail``.
    :param on_partial_failure: when some users failed, ``fail`` the task after all were tried, or ``continue``
        with a warning.
    """

    template_fields = (
        "user_ids",
        "lesson_version_ids",
        "lesson_ids",
        "lesson_names",
        "grace_period",
        "grace_period_unit",
        "schedule_date",
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
        on_partial_failure: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        exactly_one(lesson_version_ids=lesson_version_ids, lesson_ids=lesson_ids, lesson_names=lesson_names)
        one_of("if_exists", if_exists, "return", "fail")
        one_of("on_partial_failure", on_partial_failure, "fail", "continue")
        self.user_ids = user_ids
        self.lesson_version_ids = lesson_version_ids
        self.lesson_ids = lesson_ids
        self.lesson_names = lesson_names
        self.grace_period = grace_period
        self.grace_period_unit = grace_period_unit
        self.schedule_date = schedule_date
        self.if_exists = if_exists
        self.on_partial_failure = on_partial_failure

    def act(self, context: Context) -> list[dict[str, Any]]:
        """Return each user's lesson schedules."""
        from airflow_provider_damstra.actions.lessons import LessonAssignment, schedule_users

        assignment = LessonAssignment(
            user_ids=self.user_ids,
            lesson_version_ids=self.lesson_version_ids,
            lesson_ids=self.lesson_ids,
            lesson_names=self.lesson_names,
            grace_period=self.grace_period,
            grace_period_unit=self.grace_period_unit,
            schedule_date=self.schedule_date,
        )
        done, failed = schedule_users(self.hook, assignment.calls(self.hook), if_exists=self.if_exists)
        created, existing = (sum(len(getattr(one, name)) for one in done) for name in ("created", "existing"))
        self.log.info("%d lesson schedules created, %d were there already", created, existing)
        self._report(failed, done=len(done))
        return [{"user_id": one.user_id, "lesson_schedule_ids": one.lesson_schedule_ids} for one in done]

    def _report(self, failed: dict[int, DamstraError], *, done: int) -> None:
        """Say who failed and why; and fail with the first one's error if that is wanted."""
        if not failed:
            return
        reasons = "\n  ".join(f"user {user_id}: {error}" for user_id, error in failed.items())
        message = f"{len(failed)} users could not be scheduled, {done} were:\n  {reasons}"
        if self.on_partial_failure == "continue":
            self.log.warning(message)
            return
        first = next(iter(failed.values()))
        first.args = (message,)
        raise first


class DamstraDownloadCertificateOperator(DamstraOperator):
    """Save the certificate of a completed and passed lesson schedule as a PDF file, and return where.

    Returns ``{"path": ..., "bytes": ..., "sha256": ...}``. The file is written under another name and then
    moved, so that nobody reads half of it. Calls ``downloadCertificate``.

    :param lesson_schedule_id: the lesson schedule (templated).
    :param path: path or URL on any object storage: the file, or a folder if it ends in ``/``, where the file
        is named ``certificate-<lesson_schedule_id>.pdf`` (templated).
    """

    template_fields = ("lesson_schedule_id", "path", "damstra_conn_id")

    def __init__(self, *, lesson_schedule_id: Id, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lesson_schedule_id = lesson_schedule_id
        self.path = path

    def act(self, context: Context) -> dict[str, Any]:
        """Return the file's place, size and SHA-256."""
        import hashlib

        from airflow_provider_damstra.endpoints import DownloadCertificate
        from airflow_provider_damstra.storage import write_whole

        content = self.hook.call(DownloadCertificate(lesson_schedule_id=self.lesson_schedule_id))
        path = (
            f"{self.path}certificate-{self.lesson_schedule_id}.pdf" if self.path.endswith("/") else self.path
        )
        write_whole(path, content)
        self.log.info(
            "Certificate of lesson schedule %s: %s (%d bytes)", self.lesson_schedule_id, path, len(content)
        )
        return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
