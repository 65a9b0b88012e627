"""Connections that break: what can be sent again is, and what may have been carried out is sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients import transport_errors
from airflow_provider_damstra.errors import DamstraResponseError, DamstraServerError, DamstraTransportError
from tests.clients.calls import CALLS, GET, LIST, PATCH, POST, PUT
from tests.clients.servers import http_answer, raw_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver

drops = pytest.mark.parametrize("drop", ["drop_before", "drop_after"])


def faults(emulator: DamstraEmulator) -> list[Any]:
    return [entry["fault"] for entry in emulator.journal()]


def created(emulator: DamstraEmulator) -> list[Any]:
    rows = [row for entry in emulator.journal() for row in entry["rows"]]
    return [row for row in rows if row["action"] == "insert"]


@drops
def test_a_schedule_is_sent_once_though_nobody_knows_whether_it_was_made(
    drop: str, client: ClientDriver, damstra_emulator: DamstraEmulator
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
def test_a_change_of_a_session_is_sent_once(
    drop: str, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop)
    assert client.error(PATCH).outcome_unknown
    assert faults(damstra_emulator) == [drop]


@drops
@pytest.mark.parametrize("call", [GET, PUT], ids=["GET", "PUT"])
def test_what_does_no_harm_is_sent_until_it_arrives(
    call: Any, drop: str, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop, count=3)
    assert client.call(call).id == call.user_id
    assert faults(damstra_emulator) == [drop, drop, drop, None]
    assert len(client.sleeps) == 3


@drops
def test_a_listing_survives_drops_and_loses_nothing(
    drop: str, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop, path="/user", probability=0.3, seed=4)
    client = open_client(damstra_emulator.url, page_size=3, max_retries=20)
    ids = [user.id for user in client.take(LIST)]
    assert ids == list(range(1001, 1038))
    assert drop in faults(damstra_emulator)


@drops
def test_a_get_that_never_arrives_changed_nothing(
    drop: str, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(drop)
    error = client.error(GET)
    assert type(error) is DamstraTransportError
    assert not error.outcome_unknown
    assert "Nothing was changed by it." in str(error)
    assert faults(damstra_emulator) == [drop] * 5


@drops
@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_connection_that_was_kept_open_is_counted_like_a_new_one(
    call: Any, drop: str, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, max_retries=0)
    client.call(GET)
    damstra_emulator.clear_journal()
    damstra_emulator.add_fault(drop)
    assert type(client.error(call)) is DamstraTransportError
    assert faults(damstra_emulator) == [drop]


def test_a_truncated_answer_is_asked_for_again(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("truncate", count=2)
    assert client.call(GET).id == GET.user_id
    assert faults(damstra_emulator) == ["truncate", "truncate", None]


def test_an_answer_that_is_always_truncated_cannot_be_read(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("truncate")
    error = client.error(GET)
    assert type(error) is DamstraResponseError
    assert error.is_truncated
    assert not error.outcome_unknown
    assert faults(damstra_emulator) == ["truncate"] * 5


def test_a_truncated_answer_to_a_schedule_is_not_asked_for_again(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("truncate")
    error = client.error(POST)
    assert type(error) is DamstraResponseError
    assert error.outcome_unknown
    assert faults(damstra_emulator) == ["truncate"]
    assert len(created(damstra_emulator)) == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_web_page_instead_of_an_answer_cannot_be_read(
    call: Any, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("html", status=200)
    error = client.error(call)
    assert type(error) is DamstraResponseError
    assert "502 Bad Gateway" in str(error)
    assert error.outcome_unknown is (call is not GET)
    assert faults(damstra_emulator) == ["html"]


def test_a_web_page_with_the_status_of_a_gateway_is_a_server_error(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("html", count=2)
    assert client.call(GET).id == GET.user_id
    damstra_emulator.add_fault("html")
    assert type(client.error(POST)) is DamstraServerError


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_an_answer_that_takes_too_long_is_no_answer(
    call: Any, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("delay", delay=0.4)
    client = open_client(damstra_emulator.url, timeout=0.1, max_retries=0)
    error = client.error(call)
    assert type(error) is DamstraTransportError
    assert "nothing came for 0.1 s" in str(error)
    assert error.outcome_unknown is (call is POST)
    wait_until(lambda: len(damstra_emulator.journal()) == 1, "the emulator has handled the request")
    assert len(created(damstra_emulator)) == (1 if call is POST else 0)


def test_a_slow_answer_to_a_get_is_asked_for_again(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("delay", delay=0.4, count=1)
    client = open_client(damstra_emulator.url, timeout=0.2)
    assert client.call(GET).id == GET.user_id
    assert len(client.sleeps) == 1
    wait_until(lambda: len(damstra_emulator.journal()) == 2, "the emulator has handled both requests")


def test_answer_that_trickles_is_given_up(open_client: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within the time-out, and the last one would come after minutes."""
    monkeypatch.setattr(transport_errors, "RESPONSE_TIMEOUT_FACTOR", 2)
    head = http_answer("{", Content_Length="10000").removesuffix(b"{")
    answer = head + b" " * 10_000
    with raw_server(answer, byte_interval=0.001) as server:
        client = open_client(server.url, timeout=0.4, max_retries=0)
        error = client.error(POST)
    assert type(error) is DamstraTransportError
    assert "the answer was not complete after 0.8 s" in str(error)
    assert error.outcome_unknown
