"""Generated and damaged answers of the API: only errors of this provider, no lost or doubled row, no hang."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.errors import DamstraError, DamstraResponseError
from airflow_provider_damstra.models.base import parse_count
from tests.clients.drivers import DRIVERS, settings_for
from tests.clients.servers import http_response, raw_server
from tests.fuzz.in_process import InProcess
from tests.fuzz.settings import fuzz_settings
from tests.fuzz.strategies import (
    encodings,
    json_values,
    mutated,
    numbers,
    page,
    rows,
    texts,
    to_json,
    unique_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.drivers import ClientDriver
    from tests.clients.servers import RawServer
    from tests.fuzz.in_process import Answers

MAX_REQUESTS = 100
LISTINGS: list[Any] = [
    endpoints.ListUsers(),
    endpoints.ListLessons(),
    endpoints.ListUserLessonSchedules(user_id=7),
    endpoints.ListIltSessionAttendees(ilt_session_id=7),
]
CALLS: list[Any] = [
    endpoints.GetUser(user_id=7),
    endpoints.GetLessonSchedule(lesson_schedule_id=7),
    endpoints.GetIltSession(ilt_session_id=7),
    endpoints.ScheduleUser(user_id=7, lesson_version_ids=[1], grace_period=1, grace_period_unit="days"),
    endpoints.InactivateUser(user_id=7),
    endpoints.GenerateLoginUrl(user_id=7),
    endpoints.DownloadCertificate(lesson_schedule_id=7),
    endpoints.BulkUserImport.model_validate({"users": [{"userName": "a"}]}),
    *LISTINGS,
]

ok = st.just(200)
statuses = st.sampled_from([200, 200, 200, 201, 204, 206, 302, 400, 403, 404, 405, 409, 429, 500, 503, 599])
headers = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "Content-Type", "Content-Encoding"]),
    st.one_of(
        st.sampled_from(
            ["gzip", "deflate", "br", "7", "\u00b2", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"]
        ),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
    ),
    max_size=2,
)
MAX_ROWS = 6
totals = st.one_of(st.none(), st.integers(1000, 2**70), texts).filter(
    # A listing ends where the server reports its end.
    lambda total: (parse_count(total) or MAX_ROWS + 1) > MAX_ROWS
)


@pytest.fixture(scope="module")
def clients() -> Iterator[InProcess]:
    """Return both clients on one server."""
    with InProcess() as in_process:
        yield in_process


def paged(found: list[Any], *, cap: int, total: Any, ignores_paging: bool, **encoding: Any) -> Answers:
    """Return the answers of a server with a listing.

    :param cap: rows on a page at most.
    :param total: the total that the server reports, or ``true`` for the right one.
    """
    total = len(found) if total == "true" else total

    def answer(query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        start, size = int(query.get("startIndex", ["0"])[0]), int(query.get("maxResults", ["1000"])[0])
        part = found if ignores_paging else found[start : start + min(size, cap)]
        return 200, {}, page(part, total, **encoding)

    return answer


def read(iteration: Iterator[Any]) -> tuple[list[Any], DamstraError | None]:
    """Return the rows of a listing, and the error that ended it."""
    found: list[Any] = []
    try:
        for row in iteration:  # noqa: FURB122, RUF100 (rows before an error count, too)
            found.append(row)
    except DamstraError as error:
        return found, error
    return found, None


@fuzz_settings
@given(data=st.data(), listing=st.sampled_from(LISTINGS), cap=st.integers(1, 4), size=st.integers(1, 5))
def test_each_row_is_read_once(
    clients: InProcess, data: st.DataObject, listing: Any, cap: int, size: int
) -> None:
    """Rows that cannot be read as models end the iteration with an error; exports read them nevertheless."""
    sent = data.draw(unique_rows(listing.row_type(), max_size=MAX_ROWS))
    ignores_paging = not listing.has_documented_paging and data.draw(st.booleans())
    clients.set_page_size(size)
    clients.answer = paged(
        sent,
        cap=cap,
        total=data.draw(st.one_of(st.just("true"), totals)),
        ignores_paging=ignores_paging,
        **data.draw(encodings),
    )
    keys = [row[_key(listing)] for row in sent]
    clients.requests = 0
    for uses_async in (False, True):
        found, error = read(clients.iterate(listing, uses_async=uses_async))
        assert [row.row_key for row in found] == keys[: len(found)]
        assert error or len(found) == len(keys)
        assert error is None or isinstance(error, DamstraResponseError)
    exported = clients.export(listing)
    assert [json.loads(bytes(row)) for row in exported] == [json.loads(to_json(row)) for row in sent]
    assert not any(byte in bytes(row) for row in exported for byte in b"\r\n")
    assert clients.requests < MAX_REQUESTS


def _key(listing: Any) -> str:
    return "lessonVersionId" if isinstance(listing, endpoints.ListLessons) else "id"


bodies = st.one_of(
    st.sampled_from(LISTINGS).flatmap(lambda listing: rows(listing.row_type())),
    json_values,
    st.fixed_dictionaries({"results": json_values}, optional={"meta": json_values}),
    st.fixed_dictionaries(
        {},
        optional={"error": json_values, "internalCode": json_values, "statusCode": numbers, "message": texts},
    ),
    st.fixed_dictionaries({"ids": json_values}),
    st.lists(rows(endpoints.ListUsers.row_type()), max_size=2),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a body that is damaged, compressed, or damaged after its compression."""
    body = draw(mutated(to_json(draw(bodies), **draw(encodings))))
    compress = draw(st.sampled_from([None, None, gzip.compress, zlib.compress]))
    if compress is None:
        return body
    return draw(mutated(compress(body))) if draw(st.booleans()) else compress(body)


@fuzz_settings
@given(call=st.sampled_from(CALLS), status=statuses, headers=headers, body=damaged())
def test_any_answer_is_a_result_or_an_error(
    clients: InProcess, call: Any, status: int, headers: dict[str, str], body: bytes
) -> None:
    outcomes = []
    clients.answer = lambda _: (status, headers, body if status != 204 else b"")
    for uses_async in (False, True):
        clients.requests = 0
        result, error = call_or_error(clients, call, uses_async=uses_async)
        assert error is None or (str(error).isprintable() and len(str(error)) < 3000)
        outcomes.append((result, type(error), str(error)))
        if call in LISTINGS:
            read(clients.iterate(call, uses_async=uses_async))
        assert clients.requests < MAX_REQUESTS
    assert outcomes[0] == outcomes[1]
    if call in LISTINGS:
        with suppress(DamstraError):
            clients.export(call)


def call_or_error(clients: InProcess, call: Any, *, uses_async: bool) -> tuple[Any, DamstraError | None]:
    """Return the result of a call, and its error."""
    try:
        return clients.call(call, uses_async=uses_async), None
    except DamstraError as error:
        return None, error


PLAIN = http_response(page([{"id": 7}], 1))
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    b'1a\r\n{"results": [{"id": 7}], "m\r\n0F;x=y\r\neta": null      }\r\n0\r\n\r\n'
)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    """Return a server that closes each connection after its response."""
    with raw_server(b"") as server:
        yield server


@pytest.fixture(scope="module")
def drivers(server: RawServer) -> Iterator[list[ClientDriver]]:
    """Return both clients of the server."""
    with ExitStack() as stack:
        settings = settings_for(server.url, max_retries=0, timeout=2.0)
        yield [stack.enter_context(driver(settings)) for driver in DRIVERS.values()]


@fuzz_settings
@given(response=st.sampled_from([PLAIN, CHUNKED]).flatmap(mutated))
def test_any_bytes_are_a_result_or_an_error(
    server: RawServer, drivers: list[ClientDriver], response: bytes
) -> None:
    server.responses = (response,)
    for driver in drivers:
        server.requests.clear()
        with suppress(DamstraError):
            driver.take(endpoints.ListUsers())
        assert len(server.requests) <= 3
