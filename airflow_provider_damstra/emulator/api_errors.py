"""What the emulator refuses, in the shapes of Damstra's error bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

INTERNAL_SERVER_ERROR: dict[str, Any] = {"internalCode": 500, "error": "Internal Server Error"}
INVALID_KEY: dict[str, Any] = {
    "message": "AccessKey does not exist",
    "reason": "Invalid access key",
    "internalCode": 806,
    "error": "Invalid security token",
}
TOKEN_NOT_VALID: dict[str, Any] = {"internalCode": 806, "error": "Token not valid"}


class Refusal(Exception):
    """A request that is not carried out: nothing of it is kept.

    :param status: the HTTP status of the answer.
    :param body: its JSON body.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def wrong_key(body: dict[str, Any]) -> Refusal:
    """Return the refusal of a missing or wrong access key."""
    return Refusal(403, body)


def bad_request(why: str) -> Refusal:
    """Return the refusal of a request that can never succeed as it is."""
    return Refusal(
        400, {"message": why, "reason": "Invalid request", "error": "Bad Request", "statusCode": 400}
    )


def unsupported_media_type(found: str) -> Refusal:
    """Return the refusal of a body that does not say that it is JSON."""
    why = f"the Content-Type of the body must be application/json{f', not {found}' if found else ''}"
    return Refusal(415, {"message": why, "error": "Unsupported Media Type", "statusCode": 415})


def internal_server_error() -> Refusal:
    """Return the answer for a bug of the emulator, with the status of an older edition of the page."""
    return Refusal(503, INTERNAL_SERVER_ERROR)


def conflict(why: str) -> Refusal:
    """Return the refusal of a request that what there is stands against."""
    return Refusal(409, {"message": why, "reason": "Conflict", "error": "Conflict", "statusCode": 409})


def not_found(kind: str, ids: Iterable[int]) -> Refusal:
    """Return the refusal of a request that names what there is not."""
    message = f"{kind} with id {', '.join(map(str, ids))} not found"
    return Refusal(404, {"message": message, "reason": f"{kind} not found", "statusCode": 404})


def group_not_found(group_id: int) -> Refusal:
    """Return the refusal of most requests that name no group."""
    refusal = not_found("Group", [group_id])
    return Refusal(404, {**refusal.body, "internalCode": 842})


def no_group_for_that_id() -> Refusal:
    """Return the refusal of the question for one group, of another shape: its error is a boolean."""
    body = {
        "message": "No group found for that Id",
        "reason": "No Group found",
        "error": True,
        "statusCode": 404,
    }
    return Refusal(404, body)


def schedule_exists() -> Refusal:
    """Return the refusal of a second open schedule for one user and lesson version; it has no code."""
    return Refusal(409, {"error": "Lesson Schedule already exists"})


def schedule_not_found() -> Refusal:
    """Return the refusal of a request that names no lesson schedule."""
    return Refusal(404, {"internalCode": 840, "error": "Lesson Schedule does not exist"})


def schedule_completed() -> Refusal:
    """Return the refusal of what a completed schedule does not allow."""
    return Refusal(409, {"internalCode": 837, "error": "This lesson schedule is completed"})


def schedule_cancelled() -> Refusal:
    """Return the refusal of what a cancelled schedule does not allow."""
    return Refusal(409, {"internalCode": 836, "error": "This lesson schedule is cancelled"})


def no_certificate(schedule_id: int) -> Refusal:
    """Return the refusal of a certificate for a schedule that is not completed and passed."""
    why = f"No certificate found for lesson schedule {schedule_id}: it is not completed and passed"
    return Refusal(404, {"message": why, "reason": "Certificate not found", "statusCode": 404})


def no_pdf_library() -> Refusal:
    """Return the refusal of a certificate where the library that writes it is not installed."""
    why = "Certificates need the extra: pip install 'airflow-provider-damstra[emulator]'"
    return Refusal(501, {"message": why, "error": "Not Implemented", "statusCode": 501})
