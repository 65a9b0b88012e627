"""Which error each body of the page becomes, whatever status it comes with."""

from __future__ import annotations

import pytest

from airflow_provider_damstra import errors
from tests.contract.faces import Face, both_faces
from tests.contract.stub import stub_server
from tests.contract.table import ERROR_BODIES, ROW, ROWS, Answer, ErrorBody, Row, json_answer
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
# The page lost the statuses, so each body may come with any of these.
STATUSES = (400, 401, 403, 404, 409, 422, 500, 503)
HTML = Answer(b"<html><body><h1>Bad Gateway</h1></body></html>", content_type="text/html")
BY_STATUS = {
    400: errors.DamstraRequestError,
    404: errors.DamstraNotFoundError,
    422: errors.DamstraRequestError,
    429: errors.DamstraRateLimitError,
    500: errors.DamstraServerError,
    502: errors.DamstraServerError,
    503: errors.DamstraServerError,
}


def error_of(row: Row, ask: Face, answer: Answer) -> errors.DamstraError:
    """Make the row's example call, answer it with an error, and return what the client raises."""
    with stub_server(lambda _: answer) as server, pytest.raises(errors.DamstraError) as caught:
        ask(row, server.base_url)
    return caught.value


def test_every_body_has_an_expected_error() -> None:
    shown = {body for row in ROWS for body in row.errors}
    assert set(ERROR_BODIES) == shown == set(EXPECTED)


@pytest.mark.parametrize(
    ("row", "body"),
    [pytest.param(row, body, id=f"{row.operation_id}-{body.name}") for row in ROWS for body in row.errors],
)
@both_faces
def test_every_error_that_the_page_shows_for_an_operation(row: Row, body: ErrorBody, ask: Face) -> None:
    error = error_of(row, ask, body.answer())
    assert type(error) is EXPECTED[body]
    assert error.status == body.status
    assert error.internal_code == body.internal_code


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", ERROR_BODIES, ids=lambda body: body.name)
@both_faces
def test_a_body_counts_for_more_than_its_status(body: ErrorBody, status: int, ask: Face) -> None:
    row = next(row for row in ROWS if body in row.errors)
    error = error_of(row, ask, body.answer(status))
    assert type(error) is EXPECTED[body]
    assert error.status == status


@pytest.mark.parametrize(
    "body", [body for body in ERROR_BODIES if body.internal_code], ids=lambda body: body.name
)
@both_faces
def test_the_code_decides_without_any_text(body: ErrorBody, ask: Face) -> None:
    error = error_of(ROW["getUser"], ask, json_answer({"internalCode": body.internal_code}, status=400))
    assert type(error) is EXPECTED[body]


@pytest.mark.parametrize("status", BY_STATUS)
@both_faces
def test_the_status_decides_where_the_body_says_nothing(status: int, ask: Face) -> None:
    answer = Answer(HTML.raw, HTML.content_type, status)
    error = error_of(ROW["getUser"], ask, answer)
    assert type(error) is BY_STATUS[status]
    assert error.internal_code is None


@pytest.mark.parametrize("operation_id", ["getUser", "listUsers", "scheduleUser", "getEmbedUrl"])
@both_faces
def test_a_success_that_cannot_be_read_is_an_error_of_the_answer(operation_id: str, ask: Face) -> None:
    assert type(error_of(ROW[operation_id], ask, HTML)) is errors.DamstraResponseError
