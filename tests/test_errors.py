"""Errors: their classes by code, text and status, their messages, and their classification for retries."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest

from airflow_provider_damstra import errors
from airflow_provider_damstra.endpoints import GenerateLoginUrl, GetUser, ScheduleUser, UpdateIltSession
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraResponseError,
    DamstraServerError,
    DamstraTransportError,
    error_from_response,
    is_permanent,
    is_retryable,
    parse_error_body,
)
from airflow_provider_damstra.http import Response

READ = GetUser(user_id=7).request()
SEND = ScheduleUser(user_id=7, lesson_version_ids=[1], grace_period=1, grace_period_unit="days").request()
PUT = replace(READ, method="PUT")
CHANGE = UpdateIltSession(ilt_session_id=1, instructor_id=1, location="Perth").request()
HTML = "<html><h1>403 not authorised: access key already exists, not found</h1></html>"

CODES: dict[int, type[DamstraError]] = {
    806: errors.DamstraAuthError,
    831: errors.DamstraPermissionError,
    836: errors.DamstraConflictError,
    837: errors.DamstraConflictError,
    840: errors.DamstraNotFoundError,
    842: errors.DamstraNotFoundError,
    500: errors.DamstraServerError,
}
TEXTS: dict[str, type[DamstraError]] = {
    "AccessKey does not exist": errors.DamstraAuthError,
    "Invalid access key": errors.DamstraAuthError,
    "Invalid security token": errors.DamstraAuthError,
    "Token not valid": errors.DamstraAuthError,
    "Not authorised": errors.DamstraPermissionError,
    "User is NOT AUTHORIZED to do this": errors.DamstraPermissionError,
    "Lesson Schedule already exists": errors.DamstraConflictError,
    "This lesson schedule is completed": errors.DamstraConflictError,
    "This lesson schedule is cancelled": errors.DamstraConflictError,
    "No group found for that Id": errors.DamstraNotFoundError,
    "Group not found": errors.DamstraNotFoundError,
    "Lesson Schedule does not exist": errors.DamstraNotFoundError,
    "Internal server error": errors.DamstraServerError,
}
STATUSES: dict[int, type[DamstraError]] = {
    400: errors.DamstraRequestError,
    401: errors.DamstraAuthError,
    402: errors.DamstraRequestError,
    403: errors.DamstraPermissionError,
    404: errors.DamstraNotFoundError,
    405: errors.DamstraRequestError,
    409: errors.DamstraConflictError,
    415: errors.DamstraRequestError,
    422: errors.DamstraRequestError,
    500: errors.DamstraServerError,
    501: errors.DamstraServerError,
    502: errors.DamstraServerError,
    503: errors.DamstraServerError,
    504: errors.DamstraServerError,
    599: errors.DamstraServerError,
}


def response(status: int, body: Any, **headers: str) -> Response:
    text = body if isinstance(body, str) else json.dumps(body)
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=lower, body=text.encode())


def error(status: int, body: Any, **headers: str) -> DamstraError:
    found = error_from_response(READ, response(status, body, **headers))
    assert found is not None
    return found


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 503])
@pytest.mark.parametrize("text", ["Group not found", "already exists", "Not authorised"])
@pytest.mark.parametrize("code", CODES)
def test_code_takes_precedence_over_text_and_status(code: int, text: str, status: int) -> None:
    for number in (code, str(code)):
        found = error(status, {"internalCode": number, "message": text, "statusCode": 400})
        assert type(found) is CODES[code]
        assert (found.status, found.internal_code) == (status, code)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 500, 503])
@pytest.mark.parametrize("text", TEXTS)
def test_text_takes_precedence_over_status(text: str, status: int) -> None:
    for field in ("error", "message", "reason"):
        body = {"error": True, "internalCode": 999, field: text}
        assert type(error(status, body)) is TEXTS[text]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", ["", "{}", "no", HTML, [1], {"error": True}, {"id": 7}])
def test_status_determines_class_without_code_and_text(status: int, body: Any) -> None:
    found = error(status, body)
    assert type(found) is STATUSES[status]
    assert (found.status, found.internal_code) == (status, None)


def test_status_in_body_takes_precedence_over_http_status() -> None:
    assert type(error(400, {"statusCode": 404, "message": "no"})) is errors.DamstraNotFoundError
    assert type(error(200, {"statusCode": 503, "error": "no"})) is errors.DamstraServerError


@pytest.mark.parametrize("body", [HTML, "", {"internalCode": 842}, {"error": "already exists"}])
def test_429_is_always_rate_limit_error(body: Any) -> None:
    found = error(429, body, retry_after="7")
    assert type(found) is errors.DamstraRateLimitError
    assert found.retry_after == 7


def test_malformed_json_is_matched_as_text() -> None:
    found = error(400, '{"message": "No group found for that Id", "statusCode": 404,}')
    assert type(found) is errors.DamstraNotFoundError
    assert "No group found for that Id" in str(found)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "HTTP/1.1 200 OK",
        "{}",
        {"id": 7, "error": "a user's own word"},
        {"results": [], "error": None},
        [],
    ],
)
def test_success_returns_no_error(body: Any) -> None:
    assert error_from_response(READ, response(200, body)) is None


def test_error_text_inside_successful_page_is_no_error() -> None:
    page = {"results": [{"id": 1, "notes": '"error": "already exists", "internalCode": 806'}]}
    assert error_from_response(READ, response(200, page)) is None
    assert parse_error_body(response(200, page)) is None


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_redirect_raises_response_error_naming_target(status: int) -> None:
    found = error(status, "", location="https://elsewhere.example/login?next=secret")
    assert type(found) is errors.DamstraResponseError
    assert "https://elsewhere.example/login." in str(found)
    assert "secret" not in str(found)
    assert "connection's host" in str(found)


def test_message_contains_request_reason_and_advice() -> None:
    body = {
        "message": "AccessKey does not exist",
        "reason": "Invalid access key",
        "internalCode": 806,
        "error": "Invalid security token",
    }
    assert str(error(403, body)) == (
        "GetUser (GET /user/7) failed (HTTP 403, code 806): AccessKey does not exist - Invalid access key - "
        "Invalid security token. Check the connection's access key; regenerating a key in Damstra "
        "ends the old one."
    )


@pytest.mark.parametrize(("status", "advice"), [(403, "proxy"), (404, "proxy"), (503, "try again later")])
def test_html_error_message_points_to_proxy(status: int, advice: str) -> None:
    message = str(error(status, "<html>\n<h1>Gateway</h1>\n</html>"))
    assert message.startswith(
        f"GetUser (GET /user/7) failed (HTTP {status}): '<html> <h1>Gateway</h1> </html>'."
    )
    assert advice in message
    assert "\n" not in message


def test_message_shortens_long_and_names_empty_responses() -> None:
    assert len(str(error(400, "x" * 100_000))) < 500
    assert "the response is empty" in str(error(400, ""))
    assert "no reason given" in str(error(400, {"error": True}))


def test_error_of_secret_call_contains_reason() -> None:
    request = GenerateLoginUrl(user_id=7).request()
    found = error_from_response(request, response(404, {"error": "User not found"}))
    assert "User not found" in str(found)


# Error class and arguments; for GET, PUT, POST and PATCH: is_retryable, outcome_unknown.
Decision = tuple[type[DamstraError], dict[str, bool], str, str]
DECISIONS: list[Decision] = [
    (errors.DamstraRateLimitError, {}, "yyyy", "nnnn"),
    (errors.DamstraServerError, {}, "yynn", "nyyy"),
    (errors.DamstraTransportError, {}, "yynn", "nyyy"),
    (errors.DamstraTransportError, {"was_sent": False}, "yyyy", "nnnn"),
    (errors.DamstraTransportError, {"was_sent": False, "is_transient": False}, "nnnn", "nnnn"),
    (errors.DamstraResponseError, {}, "nnnn", "nyyy"),
    (errors.DamstraResponseError, {"is_transient": True}, "yynn", "nyyy"),
    (errors.DamstraAuthError, {}, "nnnn", "nnnn"),
    (errors.DamstraPermissionError, {}, "nnnn", "nnnn"),
    (errors.DamstraNotFoundError, {}, "nnnn", "nnnn"),
    (errors.DamstraConflictError, {}, "nnnn", "nnnn"),
    (errors.DamstraRequestError, {}, "nnnn", "nnnn"),
    (errors.DamstraConfigurationError, {}, "nnnn", "nnnn"),
]


@pytest.mark.parametrize(("kind", "options", "retryable", "unknown"), DECISIONS)
def test_is_retryable_and_outcome_unknown_by_error_and_method(
    kind: type[DamstraError], options: dict[str, Any], retryable: str, unknown: str
) -> None:
    failures = [kind("no", request=request, **options) for request in (READ, PUT, SEND, CHANGE)]
    assert "".join("ny"[is_retryable(failure)] for failure in failures) == retryable
    assert "".join("ny"[failure.outcome_unknown] for failure in failures) == unknown


@pytest.mark.parametrize("kind", [DamstraServerError, DamstraTransportError, DamstraResponseError])
def test_error_without_request_is_not_retryable_and_outcome_unknown(kind: type[DamstraError]) -> None:
    assert kind("no").outcome_unknown
    assert not is_retryable(kind("no"))


@pytest.mark.parametrize("other", [ValueError("no"), KeyboardInterrupt(), TimeoutError()])
def test_foreign_exception_is_not_retryable(other: BaseException) -> None:
    assert not is_retryable(other)


PERMANENT = {
    errors.DamstraConfigurationError,
    errors.DamstraAuthError,
    errors.DamstraPermissionError,
    errors.DamstraRequestError,
}


@pytest.mark.parametrize("kind", dict.fromkeys(decision[0] for decision in DECISIONS))
def test_is_permanent_by_error(kind: type[DamstraError]) -> None:
    assert is_permanent(kind("no", request=READ)) is (kind in PERMANENT)
    assert is_permanent(DamstraTransportError("no", was_sent=False, is_transient=False))


def failed(kind: type[DamstraError], options: dict[str, Any]) -> DamstraError:
    return kind("reason", request=SEND, status=418, internal_code=999, retry_after=1.5, **options)


@pytest.mark.parametrize(("kind", "options"), [decision[:2] for decision in DECISIONS])
def test_error_is_picklable_with_attributes(kind: type[DamstraError], options: dict[str, Any]) -> None:
    found = failed(kind, options)
    copy = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert type(copy) is kind
    assert (str(copy), copy.args, vars(copy)) == (str(found), found.args, vars(found))
    assert copy.request == SEND
    assert copy.outcome_unknown is found.outcome_unknown


def _fail() -> None:
    raise failed(DamstraResponseError, {"is_transient": True})


def test_error_is_raised_across_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(_fail).exception(timeout=60)
    assert isinstance(found, DamstraResponseError)
    assert (str(found), found.status, found.internal_code, found.retry_after) == ("reason", 418, 999, 1.5)
    assert found.is_transient


@pytest.mark.parametrize("name", ["DamstraError", *sorted({kind.__name__ for kind in STATUSES.values()})])
def test_errors_share_one_base_class(name: str) -> None:
    assert issubclass(getattr(errors, name), DamstraError)
    assert issubclass(errors.DamstraConfigurationError, ValueError)


def test_error_without_request_is_permanent() -> None:
    assert is_permanent(errors.DamstraConflictError("Two groups have that name."))
    assert not is_permanent(DamstraTransportError("No response."))
