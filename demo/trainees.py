"""The trainees: they do their lessons while the DAG waits for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from demo.cohort import Person
    from demo.emulator_instance import EmulatorApi, Row

OPEN = frozenset({"scheduled", "due", "overdue"})


class Trainees:
    """A thread in which a cohort completes its open lesson schedules, one after the other.

    Nobody begins before `begin()`: a trainee who is quicker than the DAG would leave it nothing to wait for.

    :param report: called with a sentence for each completed lesson
    :param pause: seconds between two lessons
    """

    def __init__(
        self,
        people: Iterable[Person],
        *,
        emulator: EmulatorApi,
        report: Callable[[str], None],
        pause: float = 1.0,
    ) -> None:
        self._people = tuple(people)
        self._emulator = emulator
        self._report = report
        self._pause = pause
        self._begin = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="trainees", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begin(self) -> None:
        """Let the trainees begin; calling it again changes nothing."""
        self._begin.set()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stop.set()
        self._begin.set()
        self._thread.join()

    def _work(self) -> None:
        self._begin.wait()
        while not self._stop.wait(self._pause):
            try:
                self._do_one_lesson()
            except requests.RequestException as error:
                self._report(f"trainees: {error}")

    def _do_one_lesson(self) -> None:
        if found := next(self._open_schedules(), None):
            person, schedule = found
            self._emulator.complete(schedule["id"])
            self._report(f"{person.name} completed {schedule['lessonName']} (schedule {schedule['id']})")

    def _open_schedules(self) -> Iterator[tuple[Person, Row]]:
        # what is taught in sessions is completed by an instructor
        classroom = {session["lessonId"] for session in self._emulator.ilt_sessions()}
        for person in self._people:
            user = self._emulator.user(person.email_address)
            for schedule in self._emulator.schedules(user["id"]) if user else []:
                if schedule["status"] in OPEN and schedule["lessonId"] not in classroom:
                    yield person, schedule
