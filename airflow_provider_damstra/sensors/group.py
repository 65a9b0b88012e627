"""The sensor that waits until the members of a group have completed a lesson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Unpack

from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import is_rendered_later, validate_share, validate_subset

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Id, SensorArguments, Text


class DamstraGroupLessonSensor(DamstraSensor):
    """Wait until enough active members of a group have completed a lesson.

    Members who join or leave while it waits are taken into account; with an empty group it keeps waiting.
    Each poll calls ``listGroupMembers``, and ``listUserLessonSchedules`` for each member who has not
    completed the lesson. Returns (XCom) the user ids of the members who have.

    Fails immediately if the group does not exist, or if so many members have failed that the others are too
    few.

    Modes, common arguments and error handling: see ``DamstraSensor``.

    :param group_id: id of the group (templated).
    :param lesson_id: id of the lesson (templated).
    :param threshold: required share of the members, above 0 and up to 1 (templated).
    :param fail_on: states in which a member's lesson counts as failed: ``cancelled``, ``overdue``. A member's
        best lesson schedule counts.
    :raises ValueError: if ``threshold`` or ``fail_on`` has another value.
    """

    condition_name = "GroupLessonCondition"
    condition_arguments = ("group_id", "lesson_id", "threshold", "fail_on")
    template_fields = ("group_id", "lesson_id", "threshold", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        lesson_id: Id,
        threshold: float | Text = 1.0,
        fail_on: Sequence[Literal["cancelled", "overdue"]] = ("cancelled",),
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        if not is_rendered_later(threshold):
            validate_share("threshold", threshold)
        validate_subset("fail_on", fail_on, "cancelled", "overdue")
        self.group_id = group_id
        self.lesson_id = lesson_id
        self.threshold = threshold
        self.fail_on = list(fail_on)
        self._configure_trigger_start()
