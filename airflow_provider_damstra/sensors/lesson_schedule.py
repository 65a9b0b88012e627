"""Sensors that wait until lesson schedules, or lessons of a user, are completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from airflow_provider_damstra.id_arguments import USER_FIELDS
from airflow_provider_damstra.sensors.completion import LessonCompletionSensor
from airflow_provider_damstra.validation import is_rendered_later, validate_exactly_one, validate_share

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Duration, Id, Ids, SensorArguments, Text, Texts
    from airflow_provider_damstra.conditions.base import PollResult
    from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition

_USERS_BY_SCHEDULE = "users_by_schedule"


class DamstraLessonScheduleSensor(LessonCompletionSensor):
    """Wait until lesson schedules are completed: all, any or a share of them.

    One sensor can wait for thousands of schedules. Each poll calls ``listUserLessonSchedules`` once per user
    who has an open schedule, not before the first of these starts. The first poll also calls
    ``getLessonSchedule`` for each schedule whose user is unknown, and later polls for a schedule that is not
    listed; with ``require_passed``, ``downloadCertificate`` is called once for each completed schedule.
    Returns (XCom) the ids of the completed schedules.

    Fails immediately if so many schedules have failed that the others are too few.

    Modes, common arguments and error handling: see ``DamstraSensor``; failed tests and old completions:
    see ``LessonCompletionSensor``.

    :param lesson_schedule_ids: ids, or the result of ``DamstraScheduleLessonsOperator``, which names their
        users and saves the calls of ``getLessonSchedule`` (templated).
    :param wait_for: ``all``, ``any``, or the required share, above 0 and up to 1 (templated).
    :param fail_on: states in which a schedule counts as failed: ``cancelled``, ``overdue``, ``not_passed``. A
        deleted schedule and one whose completion is too old (``expired``) always do.
    :param require_passed: count only completions with a passed test. By default, a lesson that was completed
        with a failed test counts as completed.
    :param valid_for: count only completions that are not older at a poll: a ``timedelta``, or text such as
        ``12 months`` or ``90 days`` (templated).
    :raises ValueError: if ``wait_for``, ``fail_on`` or ``valid_for`` has another value.
    """

    condition_name = "LessonScheduleCondition"
    condition_arguments = ("lesson_schedule_ids", "users_by_schedule", "wait_for", "fail_on")
    template_fields = ("lesson_schedule_ids", "wait_for", "valid_for", "damstra_conn_id")

    def __init__(
        self,
        *,
        lesson_schedule_ids: Ids | Mapping[str, Any] | Sequence[Id | Mapping[str, Any]],
        wait_for: Literal["all", "any"] | float | Text = "all",
        fail_on: Sequence[Literal["cancelled", "overdue", "not_passed", "expired"]] = ("cancelled",),
        require_passed: bool = False,
        valid_for: Duration | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(fail_on=fail_on, require_passed=require_passed, valid_for=valid_for, **kwargs)
        if not is_rendered_later(wait_for):
            validate_share("wait_for", wait_for, "all", "any")
        self.lesson_schedule_ids = lesson_schedule_ids
        self.wait_for = wait_for
        self.users_by_schedule: dict[str, int] = {}
        self._configure_trigger_start()

    def _poll(self) -> PollResult:
        """Poll once; a rescheduled task keeps the schedules' users in its state (from Airflow 3.3)."""
        self.users_by_schedule = self._get_state(_USERS_BY_SCHEDULE, {})
        result = super()._poll()
        users_by_schedule = self._resolved_arguments()["users_by_schedule"]
        if users_by_schedule != self.users_by_schedule:
            self._set_state(_USERS_BY_SCHEDULE, users_by_schedule)
        return result

    def _resolved_arguments(self) -> dict[str, Any]:
        """Return the schedules' ids as numbers, and the users that the first poll looked up."""
        condition = cast("LessonScheduleCondition", self.condition)
        users_by_schedule = {
            str(schedule_id): user_id for schedule_id, user_id in condition.users_by_schedule.items()
        }
        return super()._resolved_arguments() | {
            "lesson_schedule_ids": list(condition.lesson_schedule_ids),
            "users_by_schedule": users_by_schedule,
        }


class DamstraUserLessonsSensor(LessonCompletionSensor):
    """Wait until a user has completed each of some lessons, by any lesson schedule, existing or future.

    Each poll calls ``listUserLessonSchedules``; with ``require_passed`` also ``downloadCertificate``, once
    for each completed schedule of a lesson until one is passed, the latest first. Returns (XCom) the ids of
    the lessons.

    Fails immediately if the user or a lesson does not exist, or a lesson is in a state of ``fail_on``.

    Modes, common arguments and error handling: see ``DamstraSensor``; failed tests and old completions:
    see ``LessonCompletionSensor``.

    Users and lessons are looked up by the first poll, unless they are given by id.

    :param user_id: id of the user (templated); or
    :param employee_number: employee number of the user (templated); or
    :param email_address: e-mail address of the user (templated).
    :param lesson_ids: ids of the lessons (templated); or
    :param lesson_names: names of the lessons (templated).
    :param fail_on: states in which a lesson counts as failed: ``cancelled`` (it has only cancelled
        schedules), ``overdue`` (it is neither completed nor open otherwise), ``not_passed`` and ``expired``
        (it has been completed, but that does not count, and it is not scheduled again).
    :param require_passed: count only completions with a passed test. By default, a lesson that was completed
        with a failed test counts as completed.
    :param valid_for: count only completions that are not older at a poll: a ``timedelta``, or text such as
        ``12 months`` or ``90 days`` (templated).
    :raises ValueError: if ``fail_on`` or ``valid_for`` has another value.
    """

    condition_name = "UserLessonsCondition"
    condition_arguments = ("user_id", "lesson_ids", "fail_on")
    template_fields = (*USER_FIELDS, "lesson_ids", "lesson_names", "valid_for", "damstra_conn_id")

    def __init__(
        self,
        *,
        user_id: Id | None = None,
        employee_number: Id | None = None,
        email_address: Text | None = None,
        lesson_ids: Ids | None = None,
        lesson_names: Texts | None = None,
        fail_on: Sequence[Literal["cancelled", "overdue", "not_passed", "expired"]] = ("cancelled",),
        require_passed: bool = False,
        valid_for: Duration | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(fail_on=fail_on, require_passed=require_passed, valid_for=valid_for, **kwargs)
        validate_exactly_one(user_id=user_id, employee_number=employee_number, email_address=email_address)
        validate_exactly_one(lesson_ids=lesson_ids, lesson_names=lesson_names)
        self.user_id = user_id
        self.employee_number = employee_number
        self.email_address = email_address
        self.lesson_ids = lesson_ids
        self.lesson_names = lesson_names
        self._configure_trigger_start()
