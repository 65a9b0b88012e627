"""What became of each new starter, read from the emulator and from the certificates' folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from demo.cohort import Person
    from demo.emulator_instance import EmulatorApi, Row

HEADINGS = ("new starter", "user id", "schedule", "lesson", "status", "ILT session", "certificate", "size")


@dataclass(frozen=True, kw_only=True)
class Training:
    """One lesson schedule of a new starter, and what it led to."""

    schedule_id: int
    lesson: str
    status: str
    ilt_session: str
    certificate: Path | None

    @property
    def problem(self) -> str | None:
        """What is missing, or None."""
        if self.status != "completed":
            return f"{self.lesson} (schedule {self.schedule_id}) is {self.status}"
        if self.certificate is None:
            return f"{self.lesson} (schedule {self.schedule_id}) has no certificate"
        if not self.certificate.read_bytes().startswith(b"%PDF-"):
            return f"{self.certificate} is not a PDF"
        return None


@dataclass(frozen=True, kw_only=True)
class Record:
    """A new starter as the emulator knows them; no user id means that it does not."""

    person: Person
    user_id: int | None
    trainings: tuple[Training, ...]

    @property
    def problems(self) -> list[str]:
        """What is missing for this person."""
        if self.user_id is None:
            return [f"{self.person.name} is not a user"]
        if not self.trainings:
            return [f"{self.person.name} is not scheduled to a lesson"]
        found = (training.problem for training in self.trainings)
        return [f"{self.person.name}: {problem}" for problem in found if problem]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the lines of the final table."""
        who = (self.person.name, str(self.user_id or "none"))
        if not self.trainings:
            yield (*who, "none", "", "", "", "", "")
        for training in self.trainings:
            certificate = training.certificate
            yield (
                *who,
                str(training.schedule_id),
                training.lesson,
                training.status,
                training.ilt_session,
                certificate.name if certificate else "none",
                f"{certificate.stat().st_size} B" if certificate else "",
            )
            who = ("", "")


def collect(people: Iterable[Person], *, emulator: EmulatorApi, certificates: Path) -> list[Record]:
    """Return what became of each person."""
    files = _by_schedule(certificates)
    return [_record(person, emulator, files) for person in people]


def _record(person: Person, emulator: EmulatorApi, files: dict[int, Path]) -> Record:
    user = emulator.user(person.email_address)
    if user is None:
        return Record(person=person, user_id=None, trainings=())
    trainings = tuple(_training(row, emulator, files) for row in emulator.schedules(user["id"]))
    return Record(person=person, user_id=user["id"], trainings=trainings)


def _training(schedule: Row, emulator: EmulatorApi, files: dict[int, Path]) -> Training:
    return Training(
        schedule_id=schedule["id"],
        lesson=schedule["lessonName"],
        status=schedule["status"],
        ilt_session=_ilt_session(schedule["id"], emulator),
        certificate=files.get(schedule["id"]),
    )


def _ilt_session(schedule_id: int, emulator: EmulatorApi) -> str:
    """Return the session that the schedule's trainee is registered for, and how it went."""
    for session in emulator.ilt_sessions(lesson_schedule_id=schedule_id):
        for attendee in emulator.attendees(session["id"]):
            if attendee["lessonScheduleId"] == schedule_id:
                attended = "attended" if attendee["attended"] else "not attended"
                return f"{session['id']}: {attended}, {'passed' if attendee['passed'] else 'not passed'}"
    return ""


def _by_schedule(certificates: Path) -> dict[int, Path]:
    """Return the certificates by the lesson schedule that their names end with."""
    files = {}
    for path in sorted(certificates.glob("**/*.pdf")):
        if number := re.search(r"(\d+)$", path.stem):
            files[int(number[1])] = path
    return files
