"""The trigger that waits for lesson schedules."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra.triggers.base import DamstraTrigger
from airflow_provider_damstra.waits.lesson_schedule import LessonScheduleWait


class DamstraLessonScheduleTrigger(DamstraTrigger):
    """Fires when enough lesson schedules are completed, or can no longer be.

    Calls ``getLessonSchedule`` and ``listUserLessonSchedules``.

    :param lesson_schedule_ids: the schedules.
    :param owners: user ids by schedule id (as text, for JSON has no other keys), as far as they are known.
    :param wait_for: ``all``, ``any``, or the share that is enough.
    :param fail_on: states at which a schedule counts as lost.
    """

    def __init__(
        self,
        *,
        lesson_schedule_ids: list[int],
        owners: dict[str, int],
        wait_for: str | float,
        fail_on: list[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lesson_schedule_ids = lesson_schedule_ids
        self.owners = owners
        self.wait_for = wait_for
        self.fail_on = fail_on

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to build this trigger again."""
        return f"{__name__}.{type(self).__name__}", {
            **self.arguments(),
            "lesson_schedule_ids": self.lesson_schedule_ids,
            "owners": self.owners,
            "wait_for": self.wait_for,
            "fail_on": self.fail_on,
        }

    def wait(self) -> LessonScheduleWait:
        """Return the wait for these schedules."""
        return LessonScheduleWait(
            lesson_schedule_ids=self.lesson_schedule_ids,
            owners={int(one): user for one, user in self.owners.items()},
            wait_for=self.wait_for,
            fail_on=self.fail_on,
        )
