"""Which completions of a training matrix count: with a passed test only, or not too old."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.durations import is_expired
from airflow_provider_damstra.services.certificates import read_passed

if TYPE_CHECKING:
    from pendulum import Duration

    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule

NOT_PASSED = "not passed"
"""Status of a lesson that was completed with a failed test."""

EXPIRED = "expired"
"""Status of a lesson that was completed too long ago, or at an unknown time."""


@dataclass(frozen=True, kw_only=True)
class CompletionRequirements:
    """What a completion needs in order to count; by default nothing.

    :param require_passed: a passed test, which only the existence of the certificate shows.
    :param valid_for: the longest time since the completion, or None for any.
    """

    require_passed: bool = False
    valid_for: Duration | None = None

    def rejected_statuses(
        self, client: SupportsCalls, rows: Iterable[UserLessonSchedule], *, at: datetime
    ) -> dict[int, str]:
        """Return the statuses of completed schedules that do not count, by schedule id.

        Calls ``downloadCertificate`` for each completed schedule that is not expired.

        :param at: time at which the age is measured.
        """
        completed = {row.id: row.lesson_completed_date for row in rows if row.is_completed}
        expired = [one for one, date in completed.items() if is_expired(date, self.valid_for, at=at)]
        statuses = dict.fromkeys(expired, EXPIRED)
        if self.require_passed:
            checked = [schedule_id for schedule_id in completed if schedule_id not in statuses]
            passed = read_passed(client, checked)
            statuses |= {one: NOT_PASSED for one, is_passed in passed.items() if not is_passed}
        return statuses
