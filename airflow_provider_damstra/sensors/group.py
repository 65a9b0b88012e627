"""The sensor that waits for a group to be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.threshold import validate_share
from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import is_rendered_later, validate_subset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import XComArg

    from airflow_provider_damstra.validation import Id


class DamstraGroupLessonSensor(DamstraSensor):
    """Wait until enough members of a group have completed a lesson, and return their user ids.

    Members may come and go meanwhile; an empty group is not done. Calls ``listGroupMembers``, and
    ``listUserLessonSchedules`` for each member who is not done.

    :param group_id: the group (templated).
    :param lesson_id: the lesson (templated).
    :param threshold: the share of the members that is enough, above 0 and up to 1 (templated).
    :param fail_on: states of a member's lesson at which that member counts as lost: ``cancelled``,
        ``overdue``.
    """

    condition_name = "GroupLessonCondition"
    condition_arguments = ("group_id", "lesson_id", "threshold", "fail_on")
    template_fields = ("group_id", "lesson_id", "threshold", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        lesson_id: Id,
        threshold: float | str | XComArg = 1.0,
        fail_on: Sequence[str] = ("cancelled",),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not is_rendered_later(threshold):
            validate_share("threshold", threshold)
        validate_subset("fail_on", fail_on, "cancelled", "overdue")
        self.group_id = group_id
        self.lesson_id = lesson_id
        self.threshold = threshold
        self.fail_on = list(fail_on)
        self.start_where_asked()
