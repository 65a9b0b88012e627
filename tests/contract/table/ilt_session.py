"""Instructor-led session."""

from __future__ import annotations

from typing import Any

from tests.contract.table.errors import INVALID_KEY, TOKEN_NOT_VALID
from tests.contract.table.row import Kind, Query, Row, json_response
from tests.contract.table.shared import NO_BODY, page_of

SESSION_ID = {"iltSessionId": 1234}
DATES = {"createdDate": "2018-05-18T01:00:06.000+0800", "modifiedDate": "2018-05-18T01:00:06.000+0800"}
NOTIFICATIONS = {
    "iltSessionCancellationTraineeNotificationEnabled": True,
    "iltSessionCancellationInstructorNotificationEnabled": True,
}
SESSION: dict[str, Any] = {
    "id": 1,
    "statusId": 1,
    "instructorId": 731,
    "instructorFirstName": "Test",
    "instructorLastName": "Name",
    "lessonId": 12,
    "notes": "Test",
    "numberOfPlaces": 1,
    "startDatetime": "2018-05-19T01:00:06.000+0800",
    "endDatetime": "2018-05-19T01:00:06.000+0800",
    "location": "Here",
    **DATES,
}
DETAILS: dict[str, Any] = {
    "id": 1,
    "instructorId": 731,
    "statusId": 1,
    "lessonId": 12,
    "lessonName": "Test",
    "instructorLed": True,
    "notes": "Test",
    "numberOfAttendees": 5,
    "numberOfPlaces": 1,
    "startDatetime": "2018-05-19T01:00:06.000+0800",
    "endDatetime": "2018-05-19T01:00:06.000+0800",
    "location": "Here",
    "state": "past",
    "attendanceRate": 90,
    "passRate": 85,
    **NOTIFICATIONS,
    **DATES,
}
ATTENDEE: dict[str, Any] = {
    "id": 1,
    "userId": 423,
    "sessionId": 12,
    "lessonScheduleId": 98765,
    "userName": "Username",
    "firstName": "John",
    "lastName": "Smith",
    "registeringUserId": 123,
    "registeringUserFirstName": "Jane",
    "registeringUserLastName": "Williams",
    "passed": True,
    "attended": True,
    **DATES,
}


def action(
    operation_id: str, path: str, body: dict[str, Any] | None = None, required: tuple[str, ...] = ()
) -> Row:
    """Return the row of an action on a session without a result."""
    return Row(
        operation_id=operation_id,
        method="POST",
        path=path,
        path_parameters=SESSION_ID,
        body=body,
        required=required,
        kind=Kind.NOTHING,
        success=NO_BODY,
        errors=(INVALID_KEY,),
    )


ROWS = (
    Row(
        operation_id="listIltSessions",
        method="GET",
        path="/ilt_session",
        query={
            "lessonScheduleId": Query(23, "23"),
            "state": Query(2, "2"),
            "status": Query(2, "2"),
            "instructorId": Query(543, "543"),
        },
        paging=True,
        kind=Kind.PAGE,
        success=page_of(SESSION),
        errors=(TOKEN_NOT_VALID,),
    ),
    Row(
        operation_id="getIltSession",
        method="GET",
        path="/ilt_session/{iltSessionId}",
        path_parameters=SESSION_ID,
        kind=Kind.OBJECT,
        success=json_response(DETAILS),
        errors=(TOKEN_NOT_VALID,),
    ),
    Row(
        operation_id="createIltSession",
        method="POST",
        path="/ilt_session",
        body={
            "lessonId": 12,
            "startDatetime": "2018-05-19T01:00:06.000+0800",
            "endDatetime": "2018-05-19T01:00:06.000+0800",
            "location": "Here",
            "instructorId": 731,
            "notes": "Test",
        },
        required=("startDatetime", "endDatetime", "location", "instructorId"),
        kind=Kind.OBJECT,
        success=json_response(SESSION),
        errors=(INVALID_KEY,),
    ),
    Row(
        operation_id="updateIltSession",
        method="PATCH",
        path="/ilt_session/{iltSessionId}",
        path_parameters=SESSION_ID,
        body={"instructorId": 731, "statusId": 1, "notes": "Test", "numberOfPlaces": 1, "location": "Here"},
        required=("instructorId", "location"),
        kind=Kind.OBJECT,
        success=json_response(DETAILS),
        errors=(INVALID_KEY,),
    ),
    action("completeIltSession", "/ilt_session/{iltSessionId}/complete"),
    action(
        "cancelIltSession", "/ilt_session/{iltSessionId}/cancel_session", NOTIFICATIONS, tuple(NOTIFICATIONS)
    ),
    action(
        "bulkRegisterIltSession", "/ilt_session/{iltSessionId}/bulk_register", {"userIds": [1]}, ("userIds",)
    ),
    action(
        "bulkDeregisterIltSession",
        "/ilt_session/{iltSessionId}/bulk_deregister",
        {"userIds": [1]},
        ("userIds",),
    ),
    Row(
        operation_id="listIltSessionAttendees",
        method="GET",
        path="/ilt_session/{iltSessionId}/attendees",
        path_parameters=SESSION_ID,
        kind=Kind.PAGE,
        success=page_of(ATTENDEE),
        errors=(TOKEN_NOT_VALID,),
    ),
    action(
        "saveIltSessionProgress",
        "/ilt_session/{iltSessionId}/save_progress",
        {"attendees": [{"id": 1, "passed": True, "attended": True}]},
        ("attendees",),
    ),
)
