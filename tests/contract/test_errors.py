"""The exception for each documented error body, with its own status and with others."""

from __future__ import annotations

import pytest

from airflow_provider_damstra import errors
from tests.contract.clients import ExampleCall, both_clients
from tests.contract.stub import stub_server
from tests.contract.table import ERROR_BODIES, ROW, ROWS, ErrorBody, Row, StubResponse, json_response
from tests.contract.table import errors as bodies

EXPECTED: dict[ErrorBody, type[errors.DamstraError]] = {
    bodies.INVALID_KEY: errors.DamstraAuthError,
    bodies.TOKEN_NOT_VALID: errors.DamstraAuthError,
    bodies.NOT_AUTHORISED: errors.DamstraPermissionError,
    bodies.SERVER_ERROR: errors.DamstraServerError,
    bodies.NO_GROUP: errors.DamstraNotFoundError,
    bodies.GROUP_NOT_FOUND: errors.DamstraNotFoundError,
    bodies.SCHEDULE_EXISTS: errors.DamstraConflictError,
    bodies.SCHEDULE_NOT_FOUND: errors.DamstraNotFoundError,
    bodies.SCHEDULE_COMPLETED: errors.DamstraConflictError,
    bodies.SCHEDULE_CANCELLED: errors.DamstraConflictError,
}
# The page does not show the statuses, so each body may be sent with any of these.
STATUSES = (400, 401, 403, 404, 409, 422, 500, 503)
HTML = StubResponse(b"<html><body><h1>Bad Gateway</h1></body></html>", content_type="text/html")
BY_STATUS = {
    400: errors.DamstraRequestError,
    404: errors.DamstraNotFoundError,
    422: errors.DamstraRequestError,
    429: errors.DamstraRateLimitError,
    500: errors.DamstraServerError,
    502: errors.DamstraServerError,
    503: errors.DamstraServerError,
}


def raised_error(row: Row, call: ExampleCall, response: StubResponse) -> errors.DamstraError:
    """Make the row's example call against a server that sends an error, and return the client's exception."""
    with stub_server(lambda _: response) as server, pytest.raises(errors.DamstraError) as caught:
        call(row, server.base_url)
    return caught.value


def test_every_documented_body_has_an_expected_error() -> None:
    documented = {body for row in ROWS for body in row.errors}
    assert set(ERROR_BODIES) == documented == set(EXPECTED)


@pytest.mark.parametrize(
    ("row", "body"),
    [pytest.param(row, body, id=f"{row.operation_id}-{body.name}") for row in ROWS for body in row.errors],
)
@both_clients
def test_documented_error_of_operation_raises_expected_class(
    row: Row, body: ErrorBody, call: ExampleCall
) -> None:
    error = raised_error(row, call, body.response())
    assert type(error) is EXPECTED[body]
    assert error.status == body.status
    assert error.internal_code == body.internal_code


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", ERROR_BODIES, ids=lambda body: body.name)
@both_clients
def test_body_takes_precedence_over_status(body: ErrorBody, status: int, call: ExampleCall) -> None:
    row = next(row for row in ROWS if body in row.errors)
    error = raised_error(row, call, body.response(status))
    assert type(error) is EXPECTED[body]
    assert error.status == status


@pytest.mark.parametrize(
    "body", [body for body in ERROR_BODIES if body.internal_code], ids=lambda body: body.name
)
@both_clients
def test_internal_code_alone_determines_class(body: ErrorBody, call: ExampleCall) -> None:
    error = raised_error(
        ROW["getUser"], call, json_response({"internalCode": body.internal_code}, status=400)
    )
    assert type(error) is EXPECTED[body]


@pytest.mark.parametrize("status", BY_STATUS)
@both_clients
def test_status_determines_class_for_unknown_body(status: int, call: ExampleCall) -> None:
    response = StubResponse(HTML.raw, HTML.content_type, status)
    error = raised_error(ROW["getUser"], call, response)
    assert type(error) is BY_STATUS[status]
    assert error.internal_code is None


@pytest.mark.parametrize("operation_id", ["getUser", "listUsers", "scheduleUser", "getEmbedUrl"])
@both_clients
def test_unreadable_success_raises_response_error(operation_id: str, call: ExampleCall) -> None:
    assert type(raised_error(ROW[operation_id], call, HTML)) is errors.DamstraResponseError
