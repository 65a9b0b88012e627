"""What the sensors wait for in the emulator's demo, and how it comes about there or becomes impossible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints import (
    AddGroupMembers,
    BulkUserImport,
    CancelIltSession,
    CompleteIltSession,
    CreateGroup,
)
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.emulator.api_client import RUNNING_SESSION, UPCOMING_SESSION

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.sync import Client
    from airflow_provider_damstra.sensors.base import DamstraSensor
    from airflow_provider_damstra.testing import DamstraEmulator

# Liam Murphy is to do Working at Heights by this schedule, and has nothing else of that lesson.
LIAM, HEIGHTS, SCHEDULE = 1011, 202, 30040
NEW_GROUP, NEW_USER = 109, 1041
NEW_NUMBER = "E9001"
UNKNOWN_ID = 999_999


@dataclass(frozen=True)
class Office:
    """The administrators and trainees: they do in Damstra what sensors wait for."""

    emulator: DamstraEmulator
    client: Client

    def complete_the_schedule(self) -> None:
        self.emulator.complete_lesson_schedule(SCHEDULE)

    def cancel_the_schedule(self) -> None:
        self.emulator.cancel_lesson_schedule(SCHEDULE)

    def form_a_group(self) -> None:
        self.client.call(CreateGroup(name="Welders", description="All of them"))
        self.client.call(AddGroupMembers(group_id=NEW_GROUP, user_ids=LIAM))

    def complete_the_session(self) -> None:
        self.client.call(CompleteIltSession(ilt_session_id=RUNNING_SESSION))

    def cancel_the_sessions(self) -> None:
        for session in (RUNNING_SESSION, UPCOMING_SESSION):
            self.client.call(
                CancelIltSession(
                    ilt_session_id=session,
                    ilt_session_cancellation_trainee_notification_enabled=False,
                    ilt_session_cancellation_instructor_notification_enabled=False,
                )
            )

    def begin_the_session(self) -> None:
        self.emulator.advance_clock(timedelta(days=7))

    def engage(self) -> None:
        self.client.call(BulkUserImport(users=[_new_user("ada")], merge_type="none"))

    def engage_two(self) -> None:
        """Let two people start who were given the same number by mistake."""
        self.client.call(BulkUserImport(users=[_new_user("ada"), _new_user("augusta")], merge_type="none"))


def _new_user(name: str) -> dict[str, str]:
    return {"userName": name, "firstName": name.title(), "lastName": "Byron", "employeeNumber": NEW_NUMBER}


Deed = Callable[[Office], None]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Something that a sensor waits for.

    :param prepare: what has to be there before.
    :param come_true: what makes the wait come true, and ``result`` what it returns then.
    :param turn_bad: what makes it impossible, and ``why_not`` what the task says then.
    :param unknown: arguments that name what does not exist, and ``who`` what the task says of them; None
        where that is worth waiting for.
    """

    name: str
    sensor: type[DamstraSensor]
    arguments: Mapping[str, Any]
    result: list[int]
    come_true: Deed
    turn_bad: Deed
    why_not: str
    unknown: Mapping[str, Any] | None
    who: str = ""
    prepare: Deed = lambda office: None

    def __str__(self) -> str:
        return self.name


_LOST = "The condition can no longer be met: lesson schedule"
SUBJECTS = (
    Subject(
        name="lesson schedules",
        sensor=DamstraLessonScheduleSensor,
        arguments={"lesson_schedule_ids": [SCHEDULE]},
        result=[SCHEDULE],
        come_true=Office.complete_the_schedule,
        turn_bad=Office.cancel_the_schedule,
        why_not=f"{_LOST} {SCHEDULE} (Working at Heights for Liam Murphy) is cancelled."
        " 0 of 1 lesson schedules completed (1 cancelled).",
        unknown={"lesson_schedule_ids": [UNKNOWN_ID]},
        who=f"{_LOST} {UNKNOWN_ID} is gone. 0 of 1 lesson schedules completed (1 gone).",
    ),
    Subject(
        name="a user's lessons",
        sensor=DamstraUserLessonsSensor,
        arguments={"user_id": LIAM, "lesson_ids": [HEIGHTS]},
        result=[HEIGHTS],
        come_true=Office.complete_the_schedule,
        turn_bad=Office.cancel_the_schedule,
        why_not=f"User {LIAM} completed 0 of 1 lessons; lesson {HEIGHTS} is cancelled.",
        unknown={"user_id": UNKNOWN_ID, "lesson_ids": [HEIGHTS]},
        who=f"User {UNKNOWN_ID} does not exist.",
    ),
    Subject(
        name="a group",
        sensor=DamstraGroupLessonSensor,
        arguments={"group_id": NEW_GROUP, "lesson_id": HEIGHTS},
        result=[LIAM],
        come_true=Office.complete_the_schedule,
        turn_bad=Office.cancel_the_schedule,
        why_not=f"0 of 1 members of group {NEW_GROUP} completed lesson {HEIGHTS};"
        f" cancelled or overdue for users [{LIAM}].",
        unknown={"group_id": UNKNOWN_ID, "lesson_id": HEIGHTS},
        who=f"Group {UNKNOWN_ID} does not exist.",
        prepare=Office.form_a_group,
    ),
    Subject(
        name="a session's state",
        sensor=DamstraIltSessionSensor,
        arguments={"ilt_session_id": UPCOMING_SESSION, "state": "inprogress"},
        result=[UPCOMING_SESSION],
        come_true=Office.begin_the_session,
        turn_bad=Office.cancel_the_sessions,
        why_not=f"ILT session {UPCOMING_SESSION} is upcoming, cancelled, and will not change.",
        unknown={"ilt_session_id": UNKNOWN_ID, "state": "inprogress"},
        who=f"ILT session {UNKNOWN_ID} does not exist.",
    ),
    Subject(
        name="a session's status",
        sensor=DamstraIltSessionSensor,
        arguments={"ilt_session_id": RUNNING_SESSION, "status": "completed"},
        result=[RUNNING_SESSION],
        come_true=Office.complete_the_session,
        turn_bad=Office.cancel_the_sessions,
        why_not=f"ILT session {RUNNING_SESSION} is inprogress, cancelled, and will not change.",
        unknown={"ilt_session_id": UNKNOWN_ID, "status": "completed"},
        who=f"ILT session {UNKNOWN_ID} does not exist.",
    ),
    Subject(
        name="a user",
        sensor=DamstraUserSensor,
        arguments={"emp_id": NEW_NUMBER},
        result=[NEW_USER],
        come_true=Office.engage,
        turn_bad=Office.engage_two,
        why_not=f"2 users are {NEW_NUMBER!r}: [{NEW_USER}, {NEW_USER + 1}].",
        unknown=None,
    ),
)
