"""Cases of the operators for lessons, ILT sessions and any call."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.ilt_session import (
    DamstraCancelIltSessionOperator,
    DamstraCompleteIltSessionOperator,
    DamstraCreateIltSessionOperator,
    DamstraDeregisterIltSessionUsersOperator,
    DamstraRegisterIltSessionUsersOperator,
    DamstraSaveIltSessionProgressOperator,
    DamstraUpdateIltSessionOperator,
)
from airflow_provider_damstra.operators.lesson import (
    DamstraCompleteLessonOperator,
    DamstraDownloadCertificateOperator,
    DamstraGetEmbedUrlOperator,
    DamstraScheduleLessonsOperator,
)
from tests.operators.operator_case import CREATED, FOLDER, OperatorCase

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.api_client import ApiClient

NEW_SCHEDULE, NEW_SESSION = 30098, 404
# Of Liam (1011), the site induction is completed and passed; of Olivia (1012), it is due.
COMPLETED_SCHEDULE, DUE_SCHEDULE = 30013, 30014
LIAMS_HEIGHTS, OLIVIAS_HEIGHTS = 30040, 30041
NEW_SCHEDULE_XCOMS: dict[str, list[int]] = {
    "created": [NEW_SCHEDULE],
    "existing": [],
    "failed": [],
    "inactive": [],
}
MORNING = "2025-03-01T09:00:00+08:00"


def record_pass(api: ApiClient) -> object:
    """Record that one of the attendees of the session in progress passed."""
    return api.send("/ilt_session/402/save_progress", attendees=[{"id": 5005, "passed": True}])


def file_result(path: Path, **count: int) -> dict[str, Any]:
    """Return the result of an operator that wrote a file."""
    return {"path": str(path), **count, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def certificate_result(path: Path) -> dict[str, Any]:
    """Return the result of an operator that saved a certificate."""
    return file_result(path, bytes=len(path.read_bytes()))


SCHEDULE_LESSONS = OperatorCase(
    operator=DamstraScheduleLessonsOperator,
    arguments={
        "user_ids": [1011],
        "lesson_ids": [202, 204],
        "grace_period": 14,
        "grace_period_unit": "days",
        "schedule_date": "2030-03-01T09:00:00+08:00",
    },
    result=[{"user_id": 1011, "lesson_schedule_ids": [LIAMS_HEIGHTS, NEW_SCHEDULE]}],
    xcoms={**NEW_SCHEDULE_XCOMS, "existing": [LIAMS_HEIGHTS]},
    changes=("insert lesson_schedules",),
    affected_paths=("/user/1011/lesson_schedule",),
)
COMPLETE_LESSON = OperatorCase(
    operator=DamstraCompleteLessonOperator,
    arguments={
        "user_id": 1011,
        "lesson_id": 204,
        "completed_date": MORNING,
        "manually_completed_by_user_id": 1002,
    },
    result=[NEW_SCHEDULE],
    xcoms={"created": [NEW_SCHEDULE], "existing": []},
    changes=("insert lesson_schedules", "update lesson_schedules"),
    affected_paths=("/user/1011/lesson_schedule",),
)
CREATE_ILT_SESSION = OperatorCase(
    operator=DamstraCreateIltSessionOperator,
    arguments={
        "lesson_id": 205,
        "start_datetime": "2030-03-01T09:00:00+08:00",
        "end_datetime": "2030-03-01T13:00:00+08:00",
        "location": "Perth CBD, Level 4",
        "instructor_id": 1008,
        "notes": "Bring a hat",
    },
    result=NEW_SESSION,
    xcoms=CREATED,
    changes=("insert ilt_sessions",),
    affected_paths=("/ilt_session",),
)
REGISTER = OperatorCase(
    operator=DamstraRegisterIltSessionUsersOperator,
    arguments={"ilt_session_id": 403, "user_ids": [1019, 1021, 1022]},
    result=[1021, 1022],
    xcoms={"added": [1021, 1022], "existing": [1019]},
    changes=("insert ilt_attendees",) * 2,
    affected_paths=("/ilt_session/403/attendees",),
)

LESSONS = (
    SCHEDULE_LESSONS,
    OperatorCase(
        operator=DamstraScheduleLessonsOperator,
        name="by version",
        arguments={"user_ids": 1012, "lesson_version_ids": [2006], "grace_period": "3"},
        result=[{"user_id": 1012, "lesson_schedule_ids": [NEW_SCHEDULE]}],
        xcoms=NEW_SCHEDULE_XCOMS,
        changes=("insert lesson_schedules",),
        affected_paths=("/user/1012/lesson_schedule",),
    ),
    OperatorCase(
        operator=DamstraScheduleLessonsOperator,
        name="by name",
        arguments={
            "user_ids": [1012],
            "lesson_names": ["Haul Truck Pre-start Checks", "Site Induction"],
            "grace_period_unit": "months",
        },
        result=[{"user_id": 1012, "lesson_schedule_ids": [DUE_SCHEDULE, NEW_SCHEDULE]}],
        xcoms={**NEW_SCHEDULE_XCOMS, "existing": [DUE_SCHEDULE]},
        changes=("insert lesson_schedules",),
        affected_paths=("/user/1012/lesson_schedule",),
    ),
    COMPLETE_LESSON,
    OperatorCase(
        operator=DamstraCompleteLessonOperator,
        name="that is open",
        arguments={
            "user_id": 1012,
            "lesson_version_id": 2002,
            "completed_date": MORNING,
            "manually_completed_by_user_id": 1002,
        },
        result=[DUE_SCHEDULE],
        xcoms={"created": [DUE_SCHEDULE], "existing": []},
        changes=("update lesson_schedules",),
        affected_paths=("/user/1012/lesson_schedule",),
    ),
    OperatorCase(
        operator=DamstraDownloadCertificateOperator,
        arguments={"lesson_schedule_id": COMPLETED_SCHEDULE, "path": f"{FOLDER}one.pdf"},
        result=lambda folder: certificate_result(folder / "one.pdf"),
    ),
    OperatorCase(
        operator=DamstraDownloadCertificateOperator,
        name="of several schedules",
        arguments={"lesson_schedule_ids": [COMPLETED_SCHEDULE], "path": FOLDER},
        result=lambda folder: [certificate_result(folder / f"certificate-{COMPLETED_SCHEDULE}.pdf")],
    ),
    OperatorCase(
        operator=DamstraGetEmbedUrlOperator,
        arguments={"lesson_schedule_id": DUE_SCHEDULE, "path": f"{FOLDER}url.txt"},
        result=f"{FOLDER}url.txt",
    ),
    OperatorCase(
        operator=DamstraGetEmbedUrlOperator,
        name="of any type",
        arguments={"lesson_schedule_id": DUE_SCHEDULE, "path": f"{FOLDER}url.txt", "all_lesson_types": True},
        result=f"{FOLDER}url.txt",
    ),
)

ILT_SESSIONS = (
    CREATE_ILT_SESSION,
    OperatorCase(
        operator=DamstraUpdateIltSessionOperator,
        arguments={
            "ilt_session_id": 403,
            "instructor_id": 1009,
            "location": "Room 9",
            "notes": "Bring a hat",
            "number_of_places": 9,
        },
        result=True,
        changes=("update ilt_sessions",),
        affected_paths=("/ilt_session/403",),
    ),
    OperatorCase(
        operator=DamstraCompleteIltSessionOperator,
        arguments={"ilt_session_id": 402},
        prepare=record_pass,
        result=True,
        changes=("update ilt_sessions", "update lesson_schedules"),
        affected_paths=("/ilt_session/402", "/user/1015/lesson_schedule?status=due"),
    ),
    OperatorCase(
        operator=DamstraCancelIltSessionOperator,
        arguments={"ilt_session_id": 403, "notify_trainees": False},
        result=True,
        changes=("update ilt_sessions",) * 2,
        affected_paths=("/ilt_session/403",),
    ),
    REGISTER,
    OperatorCase(
        operator=DamstraDeregisterIltSessionUsersOperator,
        arguments={"ilt_session_id": 403, "user_ids": [1019, 1021]},
        result=[1019],
        changes=("delete ilt_attendees",),
        affected_paths=("/ilt_session/403/attendees",),
    ),
    OperatorCase(
        operator=DamstraSaveIltSessionProgressOperator,
        arguments={"ilt_session_id": 402, "user_ids": [1015, 1016]},
        prepare=record_pass,
        result=2,
        changes=("update ilt_attendees",) * 2,
        affected_paths=("/ilt_session/402/attendees",),
    ),
    OperatorCase(
        operator=DamstraSaveIltSessionProgressOperator,
        name="of each",
        arguments={"ilt_session_id": 402, "progress": {"1015": {"passed": True}, "1016": {"attended": True}}},
        prepare=record_pass,
        result=1,
        changes=("update ilt_attendees",),
        affected_paths=("/ilt_session/402/attendees",),
    ),
)

CALLS = (
    OperatorCase(
        operator=DamstraCallOperator,
        arguments={
            "endpoint": "ListGroupSupervisors",
            "arguments": {"group_id": "102"},
            "path": f"{FOLDER}supervisors.jsonl",
        },
        result=lambda folder: file_result(folder / "supervisors.jsonl", rows=1),
    ),
)
