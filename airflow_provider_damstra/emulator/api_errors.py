"""Errors of the emulated API, with the bodies that Damstra documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

INVALID_KEY: dict[str, Any] = {
    "message": "AccessKey does not exist",
    "reason": "Invalid access key",
    "internalCode": 806,
    "error": "Invalid security token",
}
TOKEN_NOT_VALID: dict[str, Any] = {"internalCode": 806, "error": "Token not valid"}
SCHEDULE_NOT_FOUND: dict[str, Any] = {"internalCode": 840, "error": "Lesson Schedule does not exist"}
SCHEDULE_EXISTS: dict[str, Any] = {"error": "Lesson Schedule already exists"}
SCHEDULE_COMPLETED: dict[str, Any] = {"internalCode": 837, "error": "This lesson schedule is completed"}
SCHEDULE_CANCELLED: dict[str, Any] = {"internalCode": 836, "error": "This lesson schedule is cancelled"}
# The error of GetGroup, unlike that of other operations with groups, is a boolean and has no code.
NO_GROUP_FOR_ID: dict[str, Any] = {
    "message": "No group found for that Id",
    "reason": "No Group found",
    "error": True,
    "statusCode": 404,
}

_RESOURCE_NAMES = {
    "users": "User",
    "groups": "Group",
    "lessons": "Lesson",
    "lesson_versions": "Lesson version",
    "ilt_sessions": "ILT session",
}


class ApiError(Exception):
    """A rejected request: its transaction is rolled back and the body becomes the response.

    :param status: the HTTP status of the response.
    :param body: the JSON body of the response.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def bad_request(message: str) -> ApiError:
    """Return a 400: the request is invalid."""
    body = {"message": message, "reason": "Invalid request", "error": "Bad Request", "statusCode": 400}
    return ApiError(400, body)


def not_found(name: str, ids: Iterable[int], **fields: Any) -> ApiError:
    """Return a 404: there are no objects with these ids.

    :param fields: further fields of the body.
    """
    message = f"{name} with id {', '.join(map(str, ids))} not found"
    return ApiError(404, {"message": message, "reason": f"{name} not found", "statusCode": 404, **fields})


def row_not_found(table: str, ids: Iterable[int]) -> ApiError:
    """Return the 404 for rows missing in a table: 842 for groups, 840 for lesson schedules."""
    if table == "lesson_schedules":
        return ApiError(404, SCHEDULE_NOT_FOUND)
    return not_found(_RESOURCE_NAMES[table], ids, **({"internalCode": 842} if table == "groups" else {}))


def conflict(message: str) -> ApiError:
    """Return a 409: the request contradicts the present data."""
    return ApiError(409, {"message": message, "reason": "Conflict", "error": "Conflict", "statusCode": 409})
