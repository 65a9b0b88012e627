"""The result for each new starter, read from the emulator and from the folder of certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from demo.cohort import NewStarter
    from demo.emulator_instance import EmulatorApi, Row

HEADINGS = ("new starter", "user id", "schedule", "lesson", "status", "ILT session", "certificate", "size")


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """One lesson schedule of a new starter, with its ILT session and certificate."""

    schedule_id: int
    lesson: str
    status: str
    ilt_session: str
    certificate: Path | None

    @property
    def problem(self) -> str | None:
        """Return what is missing, or None."""
        if self.status != "completed":
            return f"{self.lesson} (schedule {self.schedule_id}) is {self.status}"
        if self.certificate is None:
            return f"{self.lesson} (schedule {self.schedule_id}) has no certificate"
        if not self.certificate.read_bytes().startswith(b"%PDF-"):
            return f"{self.certificate} is not a PDF"
        return None


@dataclass(frozen=True, kw_only=True)
class OnboardingRecord:
    """A new starter and their training; without a user id, the emulator has no such user."""

    new_starter: NewStarter
    user_id: int | None
    trainings: tuple[TrainingRecord, ...]

    @property
    def problems(self) -> list[str]:
        """Return what is missing for this new starter."""
        if self.user_id is None:
            return [f"{self.new_starter.name} is not a user"]
        if not self.trainings:
            return [f"{self.new_starter.name} is not scheduled to a lesson"]
        problems = (training.problem for training in self.trainings)
        return [f"{self.new_starter.name}: {problem}" for problem in problems if problem]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the rows of the final table."""
        user = (self.new_starter.name, str(self.user_id or "none"))
        if not self.trainings:
            yield (*user, "none", "", "", "", "", "")
        for training in self.trainings:
            certificate = training.certificate
            yield (
                *user,
                str(training.schedule_id),
                training.lesson,
                training.status,
                training.ilt_session,
                certificate.name if certificate else "none",
                f"{certificate.stat().st_size} B" if certificate else "",
            )
            user = ("", "")


def collect(
    new_starters: Iterable[NewStarter], *, emulator: EmulatorApi, certificates: Path
) -> list[OnboardingRecord]:
    """Return the record of each new starter."""
    files = _by_schedule(certificates)
    return [_record(new_starter, emulator, files) for new_starter in new_starters]


def _record(new_starter: NewStarter, emulator: EmulatorApi, files: dict[int, Path]) -> OnboardingRecord:
    user = emulator.user(new_starter.email_address)
    if user is None:
        return OnboardingRecord(new_starter=new_starter, user_id=None, trainings=())
    trainings = tuple(_training(row, emulator, files) for row in emulator.schedules(user["id"]))
    return OnboardingRecord(new_starter=new_starter, user_id=user["id"], trainings=trainings)


def _training(schedule: Row, emulator: EmulatorApi, files: dict[int, Path]) -> TrainingRecord:
    return TrainingRecord(
        schedule_id=schedule["id"],
        lesson=schedule["lessonName"],
        status=schedule["status"],
        ilt_session=_ilt_session(schedule["id"], emulator),
        certificate=files.get(schedule["id"]),
    )


def _ilt_session(schedule_id: int, emulator: EmulatorApi) -> str:
    """Return the session that the schedule is registered for, and its outcome."""
    for session in emulator.ilt_sessions(lesson_schedule_id=schedule_id):
        for attendee in emulator.attendees(session["id"]):
            if attendee["lessonScheduleId"] == schedule_id:
                attended = "attended" if attendee["attended"] else "not attended"
                return f"{session['id']}: {attended}, {'passed' if attendee['passed'] else 'not passed'}"
    return ""


def _by_schedule(certificates: Path) -> dict[int, Path]:
    """Return the certificates by the lesson schedule id at the end of their names."""
    files = {}
    for path in sorted(certificates.glob("**/*.pdf")):
        if number := re.search(r"(\d+)$", path.stem):
            files[int(number[1])] = path
    return files
