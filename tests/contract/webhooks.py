"""The bodies of the seven webhook events, unchanged from the vendor's page."""

from __future__ import annotations

import json
from typing import Any

BODIES = {
    "lesson.schedule.completed": """{
"name": "lesson.schedule.completed",
"lessonScheduleId": "1233",
"userId": "1023",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
    "lesson.schedule.changed": """{
"name": "lesson.schedule.changed",
"scheduleDate": "2017-01-20T01:33:27.012Z",
"lessonScheduleId": "1233",
"userID": "1023",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
    "lesson.schedule.created": """{
"name": "lesson.schedule.created",
"lessonScheduleId": "1233",
"userID": "1023",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
    "lesson.schedule.cancelled": """{
"name": "lesson.schedule.cancelled",
"lessonScheduleId": "1233",
"userID": "1023",
"cancellationReason": "SCHEDULE_CANCELLED_MANUALLY",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
    "user.account.created": """{
"name": "user.account.created",
"firstName": "John",
"lastName": "Smith",
"userName": "j.smith",
"userId": "1023",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
    "user.settings.updated": """{
"name": "user.settings.updated",
"userId": "1023",
"actingUserId": "1055",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
    "user.account.inactivate": """{
"name": "user.account.inactivate",
"userName": "j.smith",
"userId": "1023",
"timeStamp": "2017-01-16T01:33:27.012Z"
}""",
}


def event(name: str) -> dict[str, Any]:
    """Return an event's example as a parsed object."""
    parsed: dict[str, Any] = json.loads(BODIES[name])
    return parsed
