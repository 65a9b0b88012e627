"""The error bodies, unchanged from the vendor's page."""

from __future__ import annotations

from tests.contract.table.row import ErrorBody

INVALID_KEY = ErrorBody(
    "invalid key",
    403,
    """{
"message": "AccessKey does not exist",
"reason": "Invalid access key",
"internalCode": 806,
"error": "Invalid security token"
}""",
    806,
)
TOKEN_NOT_VALID = ErrorBody(
    "token not valid",
    403,
    """{
"internalCode": 806,
"error": "Token not valid"
}""",
    806,
)
NOT_AUTHORISED = ErrorBody(
    "not authorised",
    403,
    """{
"internalCode": 831,
"error": "You are not authorised to make this request"
}""",
    831,
)
SERVER_ERROR = ErrorBody(
    "server error",
    503,
    """{
"internalCode": 500,
"error": "Internal Server Error"
}""",
    500,
)
NO_GROUP = ErrorBody(
    "no group, in malformed JSON",
    404,
    """{
"message":"No group found for that Id",
"reason":"No Group found",
"error":true,
"internalCode":TBD,
"statusCode":404
}""",
)
GROUP_NOT_FOUND = ErrorBody(
    "group not found",
    404,
    """{
"message": "Group with id 1 not found",
"reason": "Group not found",
"internalCode": 842,
"statusCode": 404
}""",
    842,
)
SCHEDULE_EXISTS = ErrorBody(
    "schedule exists",
    409,
    """{
"error": "Lesson Schedule already exists"
}""",
)
SCHEDULE_NOT_FOUND = ErrorBody(
    "schedule does not exist",
    404,
    """{
"internalCode": 840,
"error": "Lesson Schedule does not exist"
}""",
    840,
)
SCHEDULE_COMPLETED = ErrorBody(
    "schedule is completed",
    409,
    """{
"internalCode": 837,
"error": "This lesson schedule is completed"
}""",
    837,
)
SCHEDULE_CANCELLED = ErrorBody(
    "schedule is cancelled",
    409,
    """{
"internalCode": 836,
"error": "This lesson schedule is cancelled"
}""",
    836,
)

ERROR_BODIES = (
    INVALID_KEY,
    TOKEN_NOT_VALID,
    NOT_AUTHORISED,
    SERVER_ERROR,
    NO_GROUP,
    GROUP_NOT_FOUND,
    SCHEDULE_EXISTS,
    SCHEDULE_NOT_FOUND,
    SCHEDULE_COMPLETED,
    SCHEDULE_CANCELLED,
)
