"""Lessons whose completion must reach the DAGs as an event, once each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests

from tests.emulator.api_client import GRACE_PERIOD, HAUL_TRUCK, TRAINEES, ApiClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.emulator_instance import EmulatorInstance

UNDELIVERED = 9
"""One completion of so many has no webhook, so that reconciliation has to find it."""


class WatchedLessons:
    """One open lesson schedule of each trainee, which exist before Airflow starts.

    ``completed`` lists the schedules that have been completed, ``undelivered`` those of them without a
    webhook; ``last_completed_at`` is a time of the monotonic clock.

    :param emulator: creates the schedules.
    :param subscribe: subscribes Airflow to the emulator's webhooks again.
    """

    def __init__(self, emulator: EmulatorInstance, *, subscribe: Callable[[], None]) -> None:
        self._emulator = emulator
        self._subscribe = subscribe
        self.completed: list[int] = []
        self.undelivered: list[int] = []
        self.last_completed_at = time.monotonic()
        client = ApiClient(emulator.url, emulator.access_key)
        self.schedule_ids = [client.schedule(user_id, HAUL_TRUCK, **GRACE_PERIOD) for user_id in TRAINEES]
        client.close()

    def complete_next(self) -> None:
        """Complete one more schedule, if any is left."""
        for schedule_id in self.schedule_ids[len(self.completed) :][:1]:
            if len(self.completed) % UNDELIVERED == UNDELIVERED - 1:
                self._emulator.api.control("DELETE", "/webhooks")
                self._complete(schedule_id)
                self.undelivered.append(schedule_id)
                self._subscribe()
            else:
                self._complete(schedule_id)
            self.completed.append(schedule_id)
            self.last_completed_at = time.monotonic()

    def complete_rest(self) -> None:
        """Complete all schedules that are left."""
        while len(self.completed) < len(self.schedule_ids):
            self.complete_next()

    def _complete(self, schedule_id: int) -> None:
        try:
            self._emulator.api.complete(schedule_id)
        except requests.HTTPError as error:
            # It was completed by a request whose response was lost.
            if error.response.status_code >= 500:
                raise
