"""Trainees who complete their lessons, as in Damstra's app, while Airflow waits."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.emulator_instance import EmulatorApi

OPEN = frozenset({"scheduled", "due", "overdue"})
ONLINE_LESSON_IDS = frozenset({201, 202})
"""Site Induction and Working at Heights."""


class Repeated:
    """A thread that does its work again and again; a failed request ends one repetition only.

    :param pause: seconds between two repetitions.
    """

    def __init__(self, work: Callable[[], object], *, pause: float) -> None:
        self._work = work
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Repeat the work during the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            try:
                self._work()
            except requests.RequestException:
                continue


class Trainees:
    """Completes two online lessons of each person.

    :param prefix: beginning of the people's employee numbers, which is also part of their last names.
    :param count: the number of people.
    """

    def __init__(self, api: EmulatorApi, *, prefix: str, count: int) -> None:
        self._api = api
        self._prefix = prefix
        self._count = count
        self._user_ids: set[int] = set()
        self._completed: dict[int, set[int]] = {}

    def complete_some(self) -> None:
        """Complete what is open now."""
        if len(self._user_ids) < self._count:
            self._user_ids = {user["id"] for user in self._api.users(q=f"Last{self._prefix}")}
        for user_id in sorted(self._user_ids):
            completed = self._completed.setdefault(user_id, set())
            if completed == ONLINE_LESSON_IDS:
                continue
            for schedule in self._api.schedules(user_id):
                if schedule["lessonId"] in ONLINE_LESSON_IDS and schedule["status"] in OPEN:
                    self._api.complete(schedule["id"])
                    completed.add(schedule["lessonId"])
