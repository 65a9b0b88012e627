"""The sensor that waits until the members of a group have completed a lesson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Unpack

from airflow_provider_damstra.sensors.completion import LessonCompletionSensor
from airflow_provider_damstra.validation import is_rendered_later, validate_exactly_one, validate_share

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Duration, Id, SensorArguments, Text


class DamstraGroupLessonSensor(LessonCompletionSensor):
    """Wait until enough active members of a group have completed a lesson.

    Members who join or leave while it waits are taken into account; with an empty group it keeps waiting.
    Each poll calls ``listGroupMembers``, and ``listUserLessonSchedules`` for each member who has not
    completed the lesson; with ``require_passed`` also ``downloadCertificate``, once for each member who has
    completed it. Returns (XCom) the user ids of the members who have.

    Fails immediately if the group or lesson does not exist, or if so many members have failed that the
    others are too few.

    Modes, common arguments and error handling: see ``DamstraSensor``; failed tests and old completions:
    see ``LessonCompletionSensor``.

    :param group_id: id of the group (templated).
    :param lesson_id: id of the lesson (templated); or
    :param lesson_name: name of the lesson, which the first poll looks up (templated).
    :param threshold: required share of the members, above 0 and up to 1 (templated).
    :param fail_on: states in which a member's lesson counts as failed: ``cancelled``, ``overdue``,
        ``not_passed``, ``expired``. A member's best lesson schedule counts.
    :param require_passed: count only completions with a passed test. By default, a lesson that was completed
        with a failed test counts as completed.
    :param valid_for: count only completions that are not older at a poll: a ``timedelta``, or text such as
        ``12 months`` or ``90 days`` (templated).
    :raises ValueError: if ``threshold``, ``fail_on`` or ``valid_for`` has another value.
    """

    condition_name = "GroupLessonCondition"
    condition_arguments = ("group_id", "lesson_id", "threshold", "fail_on")
    template_fields = ("group_id", "lesson_id", "lesson_name", "threshold", "valid_for", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        lesson_id: Id | None = None,
        lesson_name: Text | None = None,
        threshold: float | Text = 1.0,
        fail_on: Sequence[Literal["cancelled", "overdue", "not_passed", "expired"]] = ("cancelled",),
        require_passed: bool = False,
        valid_for: Duration | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(fail_on=fail_on, require_passed=require_passed, valid_for=valid_for, **kwargs)
        validate_exactly_one(lesson_id=lesson_id, lesson_name=lesson_name)
        if not is_rendered_later(threshold):
            validate_share("threshold", threshold)
        self.group_id = group_id
        self.lesson_id = lesson_id
        self.lesson_name = lesson_name
        self.threshold = threshold
        self._configure_trigger_start()
