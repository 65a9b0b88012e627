"""Cases of the sensors on the emulator's seed ``demo``, with actions that meet or fail the condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints import (
    AddGroupMembers,
    BulkUserImport,
    CancelIltSession,
    CompleteIltSession,
    CompleteLesson,
    CreateGroup,
    InactivateUser,
)
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.training_gate import DamstraTrainingGateSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.emulator.api_client import OWNER, RUNNING_SESSION, UPCOMING_SESSION

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.sensors.base import DamstraSensor
    from airflow_provider_damstra.testing import DamstraEmulator

# The only schedule of Liam Murphy for Working at Heights.
LIAM, HEIGHTS, SCHEDULE = 1011, 202, 30040
CHECKS = 204
"""A lesson that Liam was never scheduled for."""

NEW_GROUP, NEW_USER = 109, 1041
NEW_NUMBER = "E9001"
UNKNOWN_ID = 999_999


@dataclass(frozen=True)
class Damstra:
    """Actions of administrators and trainees in Damstra."""

    emulator: DamstraEmulator
    client: Client

    def complete_schedule(self) -> None:
        self.emulator.complete_lesson_schedule(SCHEDULE)

    def cancel_schedule(self) -> None:
        self.emulator.cancel_lesson_schedule(SCHEDULE)

    def complete_checks(self) -> None:
        self.client.call(
            CompleteLesson(
                user_id=LIAM,
                lesson_id=CHECKS,
                completed_date=datetime.now(UTC) - timedelta(minutes=1),
                manually_completed_by_user_id=OWNER,
            )
        )

    def complete_checks_and_leave(self) -> None:
        """Complete the lesson, and inactivate the user: only completed lessons make the sensor look."""
        self.client.call(InactivateUser(user_id=LIAM))
        self.complete_checks()

    def create_group(self) -> None:
        self.client.call(CreateGroup(name="Welders", description="All of them"))
        self.client.call(AddGroupMembers(group_id=NEW_GROUP, user_ids=LIAM))

    def complete_session(self) -> None:
        self.client.call(CompleteIltSession(ilt_session_id=RUNNING_SESSION))

    def cancel_sessions(self) -> None:
        for session in (RUNNING_SESSION, UPCOMING_SESSION):
            self.client.call(
                CancelIltSession(
                    ilt_session_id=session,
                    ilt_session_cancellation_trainee_notification_enabled=False,
                    ilt_session_cancellation_instructor_notification_enabled=False,
                )
            )

    def start_session(self) -> None:
        self.emulator.advance_clock(timedelta(days=7))

    def create_user(self) -> None:
        self.client.call(BulkUserImport(users=[_new_user("ada")], merge_type="none"))

    def create_two_users(self) -> None:
        """Create two users with the same employee number."""
        self.client.call(BulkUserImport(users=[_new_user("ada"), _new_user("augusta")], merge_type="none"))


def _new_user(name: str) -> dict[str, str]:
    return {"userName": name, "firstName": name.title(), "lastName": "Byron", "employeeNumber": NEW_NUMBER}


Action = Callable[[Damstra], None]


@dataclass(frozen=True, kw_only=True)
class SensorCase:
    """A condition that a sensor waits for.

    :param prepare: creates the objects.
    :param meet: meets the condition; the task then returns ``result``.
    :param fail: fails the condition; the task then reports ``failure``.
    :param progress: end of the message of a timeout: who and what is open.
    :param missing: arguments for objects that do not exist; the task then reports ``missing_failure``. None
        if the sensor waits until they exist.
    :param starts_in_triggerer: whether ``start_from_trigger`` is possible.
    """

    name: str
    sensor: type[DamstraSensor]
    arguments: Mapping[str, Any]
    result: list[int]
    meet: Action
    fail: Action
    failure: str
    progress: str
    missing: Mapping[str, Any] | None
    missing_failure: str = ""
    starts_in_triggerer: bool = True
    prepare: Action = lambda damstra: None

    def __str__(self) -> str:
        return self.name


_OPEN = f"user {LIAM} Liam Murphy, lesson {HEIGHTS} Working at Heights (open)"
_FAILED = "The condition can no longer be met: lesson schedule"
CASES = (
    SensorCase(
        name="lesson schedules",
        sensor=DamstraLessonScheduleSensor,
        arguments={"lesson_schedule_ids": [SCHEDULE]},
        result=[SCHEDULE],
        meet=Damstra.complete_schedule,
        fail=Damstra.cancel_schedule,
        failure=f"{_FAILED} {SCHEDULE} (Working at Heights for Liam Murphy) is cancelled."
        " 0 of 1 lesson schedules completed (1 cancelled).",
        progress=f"0 of 1 lesson schedules completed (1 open). Open: lesson schedule {SCHEDULE}: {_OPEN}.",
        missing={"lesson_schedule_ids": [UNKNOWN_ID]},
        missing_failure=f"{_FAILED} {UNKNOWN_ID} is missing. 0 of 1 lesson schedules completed (1 missing).",
    ),
    SensorCase(
        name="a user's lessons",
        sensor=DamstraUserLessonsSensor,
        arguments={"user_id": LIAM, "lesson_ids": [HEIGHTS]},
        result=[HEIGHTS],
        meet=Damstra.complete_schedule,
        fail=Damstra.cancel_schedule,
        failure=f"User {LIAM} completed 0 of 1 lessons; lesson {HEIGHTS} is cancelled.",
        progress=f"User {LIAM} completed 0 of 1 lessons. Open: {_OPEN}.",
        missing={"user_id": UNKNOWN_ID, "lesson_ids": [HEIGHTS]},
        missing_failure=f"User {UNKNOWN_ID} does not exist.",
    ),
    SensorCase(
        name="a group",
        sensor=DamstraGroupLessonSensor,
        arguments={"group_id": NEW_GROUP, "lesson_id": HEIGHTS},
        result=[LIAM],
        meet=Damstra.complete_schedule,
        fail=Damstra.cancel_schedule,
        failure=f"0 of 1 members of group {NEW_GROUP} completed lesson {HEIGHTS};"
        f" cancelled for users [{LIAM}].",
        progress=f"0 of 1 members of group {NEW_GROUP} completed lesson {HEIGHTS}."
        f" Open: user {LIAM} Liam Murphy, lesson {HEIGHTS} (open).",
        missing={"group_id": UNKNOWN_ID, "lesson_id": HEIGHTS},
        missing_failure=f"Group {UNKNOWN_ID} does not exist.",
        prepare=Damstra.create_group,
    ),
    SensorCase(
        name="a session's state",
        sensor=DamstraIltSessionSensor,
        arguments={"ilt_session_id": UPCOMING_SESSION, "state": "inprogress"},
        result=[UPCOMING_SESSION],
        meet=Damstra.start_session,
        fail=Damstra.cancel_sessions,
        failure=f"ILT session {UPCOMING_SESSION} is upcoming, cancelled, and will not change.",
        progress=f"ILT session {UPCOMING_SESSION} is upcoming, active."
        f" Open: ILT session {UPCOMING_SESSION}, lesson 205 Confined Space Entry (instructor-led).",
        missing={"ilt_session_id": UNKNOWN_ID, "state": "inprogress"},
        missing_failure=f"ILT session {UNKNOWN_ID} does not exist.",
    ),
    SensorCase(
        name="a session's status",
        sensor=DamstraIltSessionSensor,
        arguments={"ilt_session_id": RUNNING_SESSION, "status": "completed"},
        result=[RUNNING_SESSION],
        meet=Damstra.complete_session,
        fail=Damstra.cancel_sessions,
        failure=f"ILT session {RUNNING_SESSION} is inprogress, cancelled, and will not change.",
        progress=f"ILT session {RUNNING_SESSION} is inprogress, active."
        f" Open: ILT session {RUNNING_SESSION}, lesson 205 Confined Space Entry (instructor-led).",
        missing={"ilt_session_id": UNKNOWN_ID, "status": "completed"},
        missing_failure=f"ILT session {UNKNOWN_ID} does not exist.",
    ),
    SensorCase(
        name="a user",
        sensor=DamstraUserSensor,
        arguments={"emp_id": NEW_NUMBER},
        result=[NEW_USER],
        meet=Damstra.create_user,
        fail=Damstra.create_two_users,
        failure=f"2 users are {NEW_NUMBER!r}: [{NEW_USER}, {NEW_USER + 1}].",
        progress=f"User {NEW_NUMBER!r} does not exist yet.",
        missing=None,
    ),
    SensorCase(
        name="a training gate",
        sensor=DamstraTrainingGateSensor,
        arguments={"user_ids": [LIAM], "requirements": [{"lessons": [CHECKS], "groups": ["Pit Crew A"]}]},
        result=[LIAM],
        meet=Damstra.complete_checks,
        fail=Damstra.complete_checks_and_leave,
        failure="The condition can no longer be met: Liam Murphy (E1011): inactive."
        " 0 of 1 people are trained, and at least 1 must be.",
        progress="0 of 1 people are trained, and at least 1 must be. Open: Liam Murphy (E1011):"
        " Haul Truck Pre-start Checks missing (not completed; not scheduled).",
        missing={"user_ids": [UNKNOWN_ID], "requirements": [{"lessons": [CHECKS], "all": True}]},
        missing_failure=f"User {UNKNOWN_ID} does not exist.",
        starts_in_triggerer=False,
    ),
)
