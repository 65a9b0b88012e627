"""Broken connections: idempotent requests are repeated, others are sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients import transport_errors
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError, DamstraTransportError
from tests.clients.calls import CALLS, GET, LIST, PATCH, POST, PUT
from tests.clients.servers import http_response, raw_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator, Fault
    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver

drops = pytest.mark.parametrize("drop", ["drop_before", "drop_after"])


def faults(emulator: DamstraEmulator) -> list[Any]:
    return [entry["fault"] for entry in emulator.journal()]


def created(emulator: DamstraEmulator) -> list[Any]:
    rows = [row for entry in emulator.journal() for row in entry["rows"]]
    return [row for row in rows if row["action"] == "insert"]


@drops
def test_post_is_sent_once_when_its_outcome_is_unknown(
    drop: Fault, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop, method="POST", path="/user/*/lesson_schedule")
    error = client.error(POST)
    assert type(error) is DamstraTransportError
    assert error.outcome_unknown
    assert "It may have been carried out, so it was not sent again" in str(error)
    assert (error.request, error.status) == (POST.request(), None)
    assert faults(damstra_emulator) == [drop]
    assert len(created(damstra_emulator)) == (1 if drop == "drop_after" else 0)
    assert client.sleeps == []


@drops
def test_patch_is_sent_once_when_its_outcome_is_unknown(
    drop: Fault, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop)
    assert client.error(PATCH).outcome_unknown
    assert faults(damstra_emulator) == [drop]


@drops
@pytest.mark.parametrize("call", [GET, PUT], ids=["GET", "PUT"])
def test_idempotent_request_is_repeated_after_drops(
    call: Any, drop: Fault, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop, count=3)
    assert client.call(call).id == call.user_id
    assert faults(damstra_emulator) == [drop, drop, drop, None]
    assert len(client.sleeps) == 3


@drops
def test_listing_is_complete_in_spite_of_drops(
    drop: Fault, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop, path="/user", probability=0.3, seed=4)
    client = open_client(damstra_emulator.url, page_size=3, max_retries=20)
    ids = [user.id for user in client.take(LIST)]
    assert ids == list(range(1001, 1038))
    assert drop in faults(damstra_emulator)


@drops
def test_failed_get_reports_that_nothing_was_changed(
    drop: Fault, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop)
    error = client.error(GET)
    assert type(error) is DamstraTransportError
    assert not error.outcome_unknown
    assert "Nothing was changed by it." in str(error)
    assert faults(damstra_emulator) == [drop] * 5


@drops
@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_request_on_kept_connection_is_not_resent_by_the_library(
    call: Any, drop: Fault, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, max_retries=0)
    client.call(GET)
    damstra_emulator.clear_journal()
    damstra_emulator.add_fault(drop)
    assert type(client.error(call)) is DamstraTransportError
    assert faults(damstra_emulator) == [drop]


def test_truncated_response_to_get_is_retried(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("truncate", count=2)
    assert client.call(GET).id == GET.user_id
    assert faults(damstra_emulator) == ["truncate", "truncate", None]


def test_response_that_is_always_truncated_raises(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("truncate")
    error = client.error(GET)
    assert type(error) is DamstraResponseError
    assert error.is_transient
    assert not error.outcome_unknown
    assert faults(damstra_emulator) == ["truncate"] * 5


def test_truncated_response_to_post_is_not_retried(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("truncate")
    error = client.error(POST)
    assert type(error) is DamstraResponseError
    assert error.outcome_unknown
    assert faults(damstra_emulator) == ["truncate"]
    assert len(created(damstra_emulator)) == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_web_page_as_success_raises_response_error(
    call: Any, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("html", status=200)
    error = client.error(call)
    assert type(error) is DamstraResponseError
    assert "502 Bad Gateway" in str(error)
    assert error.outcome_unknown is (call is not GET)
    assert faults(damstra_emulator) == ["html"]


def test_web_page_with_gateway_status_is_a_server_error(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("html", count=2)
    assert client.call(GET).id == GET.user_id
    damstra_emulator.add_fault("html")
    assert type(client.error(POST)) is DamstraServerError


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_read_timeout_raises_transport_error(
    call: Any, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("delay", delay=0.4)
    client = open_client(damstra_emulator.url, timeout=0.1, max_retries=0)
    error = client.error(call)
    assert type(error) is DamstraTransportError
    assert "no data for 0.1 s" in str(error)
    assert error.outcome_unknown is (call is POST)
    wait_until(lambda: len(damstra_emulator.journal()) == 1, "the emulator has handled the request")
    assert len(created(damstra_emulator)) == (1 if call is POST else 0)


def test_get_is_retried_after_read_timeout(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("delay", delay=0.4, count=1)
    client = open_client(damstra_emulator.url, timeout=0.2)
    assert client.call(GET).id == GET.user_id
    assert len(client.sleeps) == 1
    wait_until(lambda: len(damstra_emulator.journal()) == 2, "the emulator has handled both requests")


def test_response_slower_than_total_timeout_raises_transport_error(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes within the time-out, and the last one would come after minutes."""
    monkeypatch.setattr(transport_errors, "RESPONSE_TIMEOUT_FACTOR", 2)
    head = http_response("{", Content_Length="10000").removesuffix(b"{")
    raw_response = head + b" " * 10_000
    with raw_server(raw_response, byte_interval=0.001) as server:
        client = open_client(server.url, timeout=0.4, max_retries=0)
        error = client.error(POST)
    assert type(error) is DamstraTransportError
    assert "the response was not complete after 0.8 s" in str(error)
    assert error.outcome_unknown
