"""The sensor that waits for lesson schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.arguments import share_of, some_of
from airflow_provider_damstra.sensors.base import DamstraSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.triggers.lesson_schedule import DamstraLessonScheduleTrigger
    from airflow_provider_damstra.waits.lesson_schedule import LessonScheduleWait


class DamstraLessonScheduleSensor(DamstraSensor["LessonScheduleWait"]):
    """Wait until lesson schedules are completed, and return the ids of those that are.

    One sensor waits for one schedule or for a thousand. Calls ``getLessonSchedule`` once for each schedule
    whose user is not known, and ``listUserLessonSchedules`` once for each user and look.

    :param lesson_schedule_ids: ids, or what ``DamstraScheduleLessonsOperator`` returns, which saves finding
        out whose they are (templated).
    :param wait_for: ``all`` of them, ``any``, or the share that is enough, above 0 and up to 1.
    :param fail_on: states at which a schedule counts as lost: ``cancelled``, ``overdue``. One that does not
        exist any more always does. The wait fails when the rest cannot be enough.
    """

    template_fields = ("lesson_schedule_ids", "damstra_conn_id")

    def __init__(
        self,
        *,
        lesson_schedule_ids: Any,
        wait_for: str | float = "all",
        fail_on: Sequence[str] = ("cancelled",),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        share_of("wait_for", wait_for)
        some_of("fail_on", fail_on, "cancelled", "overdue")
        self.lesson_schedule_ids = lesson_schedule_ids
        self.wait_for = wait_for
        self.fail_on = fail_on

    def wait(self) -> LessonScheduleWait:
        """Return the wait for these schedules."""
        from airflow_provider_damstra.waits.lesson_schedule import LessonScheduleWait, schedules_and_owners

        ids, owners = schedules_and_owners(self.lesson_schedule_ids)
        return LessonScheduleWait(
            lesson_schedule_ids=ids, owners=owners, wait_for=self.wait_for, fail_on=self.fail_on
        )

    def trigger(self, **arguments: Any) -> DamstraLessonScheduleTrigger:
        """Return the trigger, which starts with what the first look found out."""
        from airflow_provider_damstra.triggers.lesson_schedule import DamstraLessonScheduleTrigger

        wait = self.looked_at
        return DamstraLessonScheduleTrigger(
            lesson_schedule_ids=wait.lesson_schedule_ids,
            owners={str(one): user for one, user in wait.owners.items()},
            wait_for=self.wait_for,
            fail_on=list(self.fail_on),
            **arguments,
        )
