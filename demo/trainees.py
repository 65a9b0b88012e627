"""Trainees who complete their lessons while the DAG waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from demo.cohort import NewStarter
    from demo.emulator_instance import EmulatorApi, Row

OPEN = frozenset({"scheduled", "due", "overdue"})


class Trainees:
    """A thread that completes the open lesson schedules of a cohort, one after the other.

    It starts with ``release()``, when the DAG is waiting: otherwise there would be nothing to wait for.

    :param report: is called with a line for each completed lesson.
    :param pause: seconds between two lessons.
    """

    def __init__(
        self,
        new_starters: Iterable[NewStarter],
        *,
        emulator: EmulatorApi,
        report: Callable[[str], None],
        pause: float = 1.0,
    ) -> None:
        self._new_starters = tuple(new_starters)
        self._emulator = emulator
        self._report = report
        self._pause = pause
        self._released = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trainees", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def release(self) -> None:
        """Let the trainees start; further calls have no effect."""
        self._released.set()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stop.set()
        self._released.set()
        self._thread.join()

    def _run(self) -> None:
        self._released.wait()
        while not self._stop.wait(self._pause):
            try:
                self._complete_one()
            except requests.RequestException as error:
                self._report(f"trainees: {error}")

    def _complete_one(self) -> None:
        if first := next(self._open_schedules(), None):
            new_starter, schedule = first
            self._emulator.complete(schedule["id"])
            self._report(f"{new_starter.name} completed {schedule['lessonName']} (schedule {schedule['id']})")

    def _open_schedules(self) -> Iterator[tuple[NewStarter, Row]]:
        # an instructor completes the lessons that are taught in sessions
        ilt_lessons = {session["lessonId"] for session in self._emulator.ilt_sessions()}
        for new_starter in self._new_starters:
            user = self._emulator.user(new_starter.email_address)
            for schedule in self._emulator.schedules(user["id"]) if user else []:
                if schedule["status"] in OPEN and schedule["lessonId"] not in ilt_lessons:
                    yield new_starter, schedule
