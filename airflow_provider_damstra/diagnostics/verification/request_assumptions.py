"""Assumptions about requests that are refused, the bodies of errors, and responses in general."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.verification.account import UNKNOWN_ID
from airflow_provider_damstra.diagnostics.verification.assumption import (
    NotObservableError,
    assumption,
    count_deviations,
)
from airflow_provider_damstra.diagnostics.verification.shapes import json_type
from airflow_provider_damstra.emulator.api_errors import (
    INVALID_KEY,
    NO_GROUP_FOR_ID,
    TOKEN_NOT_VALID,
    row_not_found,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.account import Account, Reply
    from airflow_provider_damstra.endpoints.base import Endpoint

_CODES = ("internalCode", "statusCode")


def compare_error(reply: Reply, status: int, body: dict[str, Any]) -> list[str]:
    """Return how an error differs from the expected one: status, codes, members and their types.

    Texts are not compared, because they may contain what was requested.
    """
    deviations = []
    if reply.status != status:
        deviations.append(f"{reply.operation}: HTTP {reply.status} instead of {status}")
    if not isinstance(reply.body, dict):
        return [*deviations, f"{reply.operation}: the body is no JSON object"]
    for name in _CODES:
        found = reply.body.get(name)
        if found != body.get(name):
            shown = found if isinstance(found, int) else json_type(found)
            deviations.append(f"{reply.operation}: {name} is {shown} instead of {body.get(name, 'missing')}")
    for name in ("message", "reason", "error"):
        found, expected = (json_type(value.get(name)) for value in (reply.body, body))
        if found != expected:
            deviations.append(f"{reply.operation}: the type of {name} is {found} instead of {expected}")
    return deviations


@assumption("errors.access-key", "A wrong access key is HTTP 403 with 806 and the text for the access key.")
def check_access_key(account: Account) -> list[str]:
    """List users with a key that does not exist."""
    return compare_error(account.get_with_other_key(endpoints.ListUsers()), 403, INVALID_KEY)


@assumption("errors.token", "For groups, lessons and ILT sessions, a wrong key is 806 without message.")
def check_token(account: Account) -> list[str]:
    """List lessons with a key that does not exist."""
    return compare_error(account.get_with_other_key(endpoints.ListLessons()), 403, TOKEN_NOT_VALID)


@assumption(
    "errors.unknown-group", "Getting an unknown group is HTTP 404; its error is true, without a code."
)
def check_unknown_group(account: Account) -> list[str]:
    """Read a group that does not exist."""
    return compare_error(account.get(endpoints.GetGroup(group_id=UNKNOWN_ID)), 404, NO_GROUP_FOR_ID)


def _assume_not_found(assumption_id: str, text: str, table: str, *calls: Endpoint[Any]) -> None:
    """Register the assumption that calls with an unknown id have the error of the emulator.

    :param table: name of the emulator's table that has no such row.
    """

    @assumption(assumption_id, text)
    def check(account: Account) -> list[str]:
        error = row_not_found(table, [UNKNOWN_ID])
        replies = [account.get(call) for call in calls]
        return [problem for reply in replies for problem in compare_error(reply, error.status, error.body)]


_assume_not_found(
    "errors.unknown-user",
    "An unknown user is HTTP 404 without an internal code.",
    "users",
    endpoints.GetUser(user_id=UNKNOWN_ID),
    endpoints.ListUserLessonSchedules(user_id=UNKNOWN_ID),
)
_assume_not_found(
    "errors.unknown-group-members",
    "Members and supervisors of an unknown group are 404 with 842.",
    "groups",
    endpoints.ListGroupMembers(group_id=UNKNOWN_ID),
    endpoints.ListGroupSupervisors(group_id=UNKNOWN_ID),
)
_assume_not_found(
    "errors.unknown-schedule",
    "An unknown lesson schedule is HTTP 404 with 840.",
    "lesson_schedules",
    endpoints.GetLessonSchedule(lesson_schedule_id=UNKNOWN_ID),
    endpoints.DownloadCertificate(lesson_schedule_id=UNKNOWN_ID),
    endpoints.GetEmbedUrl(lesson_schedule_id=UNKNOWN_ID),
    endpoints.GetEmbedUrlAllLessonTypes(lesson_schedule_id=UNKNOWN_ID),
)
_assume_not_found(
    "errors.unknown-ilt-session",
    "An unknown ILT session is HTTP 404 without an internal code.",
    "ilt_sessions",
    endpoints.GetIltSession(ilt_session_id=UNKNOWN_ID),
    endpoints.ListIltSessionAttendees(ilt_session_id=UNKNOWN_ID),
)


@assumption("requests.unknown-parameter", "An unknown query parameter is HTTP 400.")
def check_unknown_parameter(account: Account) -> list[str]:
    """List users with a parameter that does not exist."""
    return _status_deviations(account.get(endpoints.ListUsers(), [("unknownParameter", "1")]))


@assumption("requests.repeated-parameter", "A query parameter that is given twice is HTTP 400.")
def check_repeated_parameter(account: Account) -> list[str]:
    """List users with two sizes of the page."""
    return _status_deviations(account.get(endpoints.ListUsers(), [("maxResults", "1"), ("maxResults", "2")]))


@assumption("requests.invalid-number", "A startIndex that is not a whole number is HTTP 400.")
def check_invalid_number(account: Account) -> list[str]:
    """List users from a position that is a text."""
    return _status_deviations(account.get(endpoints.ListUsers(), [("startIndex", "first")]))


def _status_deviations(reply: Reply) -> list[str]:
    return [] if reply.status == 400 else [f"HTTP {reply.status}"]


@assumption("requests.trailing-slash", "A path that ends with a slash is the same without it.")
def check_trailing_slash(account: Account) -> list[str]:
    """List users by a path with a slash at its end."""
    reply = account.get(endpoints.ListUsers(), [("maxResults", "1")], path_suffix="/")
    return [] if reply.status == 200 else [f"HTTP {reply.status}"]


@assumption("responses.content-type", "Responses with JSON have the content type application/json.")
def check_content_type(account: Account) -> list[str]:
    """Look at the header of the listings."""
    replies = [account.get_page(call) for call in (endpoints.ListUsers(), endpoints.ListGroups())]
    types = [reply.response.headers.get("content-type", "").partition(";")[0].strip() for reply in replies]
    return count_deviations([kind == "application/json" for kind in types], "have another content type")


@assumption("responses.absent-fields", "Fields without a value are left out of responses, and not null.")
def check_absent_fields(account: Account) -> list[str]:
    """Look for null in the rows of all resources."""
    samples = {
        "users": account.users,
        "groups": account.groups,
        "lesson schedules": account.schedules,
        "ILT sessions": account.sessions,
    }
    if not any(samples.values()):
        raise NotObservableError("the account has no records")
    return [
        f"{name}: {count} of {len(rows)} rows have null"
        for name, rows in samples.items()
        if (count := sum(None in row.values() for row in rows))
    ]
