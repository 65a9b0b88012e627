"""Retries after error responses: which requests are repeated, when, and how often."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraRateLimitError, DamstraServerError
from tests.clients.calls import CALLS, GET, LIST, POST

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver

each_method = pytest.mark.parametrize("method", list(CALLS))


def statuses(emulator: DamstraEmulator) -> list[Any]:
    return [entry["status"] for entry in emulator.journal()]


@each_method
def test_429_is_retried_after_retry_after_seconds(
    method: str, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=429, headers={"Retry-After": "7"}, count=2)
    client.call(CALLS[method])
    assert client.sleeps == [7, 7]
    assert statuses(damstra_emulator) == [429, 429, 200]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_429_is_retried_at_retry_after_date(
    method: str, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    damstra_emulator.add_fault("status", status=429, headers={"Retry-After": date}, count=1)
    client.call(CALLS[method])
    (waited,) = client.sleeps
    assert 20 < waited <= 30
    assert statuses(damstra_emulator) == [429, 200]


def test_page_is_retried_after_429(client: ClientDriver, damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=429, headers={"Retry-After": "3"}, count=1)
    assert len(client.take(LIST)) == 37
    assert client.sleeps == [3]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_idempotent_request_is_retried_after_5xx(
    method: str, status: int, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=status, count=2)
    client.call(CALLS[method])
    assert statuses(damstra_emulator) == [status, status, 200]
    assert len(client.sleeps) == 2


@pytest.mark.parametrize("headers", [None, {"Retry-After": "1"}])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_other_request_is_not_retried_after_5xx(
    method: str, headers: dict[str, str] | None, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=503, headers=headers)
    error = client.error(CALLS[method])
    assert type(error) is DamstraServerError
    assert error.outcome_unknown
    assert statuses(damstra_emulator) == [503]
    assert client.sleeps == []


def test_5xx_is_retried_after_retry_after_seconds(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=503, headers={"Retry-After": "60"}, count=1)
    client.call(GET)
    assert client.sleeps == [60]


@pytest.mark.parametrize(("status", "kind"), [(429, DamstraRateLimitError), (503, DamstraServerError)])
def test_retry_after_of_more_than_a_minute_raises_immediately(
    status: int, kind: type[Exception], client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=status, headers={"Retry-After": "61"})
    error = client.error(GET)
    assert type(error) is kind
    assert error.retry_after == 61
    assert client.sleeps == []
    assert statuses(damstra_emulator) == [status]


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_max_retries_bounds_the_attempts(
    retries: int, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=503)
    client = open_client(damstra_emulator.url, max_retries=retries)
    assert type(client.error(GET)) is DamstraServerError
    assert statuses(damstra_emulator) == [503] * (retries + 1)
    assert len(client.sleeps) == retries
    assert type(client.error(GET)) is DamstraServerError
    assert len(client.sleeps) == 2 * retries


def test_backoff_doubles_with_full_jitter_up_to_a_minute(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    random.seed(20)
    damstra_emulator.add_fault("status", status=503)
    client = open_client(damstra_emulator.url, max_retries=40)
    client.error(GET)
    bounds = [min(0.5 * 2**number, 60.0) for number in range(40)]
    shares = [pause / bound for pause, bound in zip(client.sleeps, bounds, strict=True)]
    assert all(0 <= share <= 1 for share in shares)
    assert min(shares) < 0.1
    assert max(shares) > 0.9


def test_other_4xx_is_not_retried(client: ClientDriver, damstra_emulator: DamstraEmulator) -> None:
    for status in (400, 401, 403, 404, 409, 422):
        damstra_emulator.add_fault("status", status=status, count=1)
        assert client.error(POST).status == status
        assert statuses(damstra_emulator).count(status) == 1
    assert client.sleeps == []


def test_each_retry_is_logged(
    client: ClientDriver, damstra_emulator: DamstraEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    damstra_emulator.add_fault("status", status=503, headers={"Retry-After": "2"}, count=2)
    client.call(GET)
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(messages) == 2
    assert "GetUser (GET /user/1011) failed (HTTP 503)" in messages[0]
    assert "Attempt 1 of 5; the next follows in 2.0 s" in messages[0]
    assert "Attempt 2 of 5" in messages[1]
