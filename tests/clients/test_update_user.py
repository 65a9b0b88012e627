"""UpdateUser, whose method is not documented: PUT, and POST on a server that has no PUT, then and later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import (
    DamstraNotFoundError,
    DamstraPermissionError,
    DamstraRequestError,
    DamstraServerError,
    DamstraTransportError,
)
from tests.clients.calls import GET, PUT

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.clients.drivers import ClientDriver

missing = pytest.mark.parametrize("status", [404, 405])


def request_outcomes(emulator: DamstraEmulator) -> list[tuple[str, Any]]:
    return [(entry["method"], entry["status"]) for entry in emulator.journal()]


@missing
@pytest.mark.parametrize(
    "body", [None, "<h1>No such page</h1>", "Method Not Allowed", {"detail": "no route"}]
)
def test_post_is_used_where_put_is_missing_and_remembered(
    status: int, body: Any, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", method="PUT", status=status, body=body)
    assert client.call(PUT).last_name == "Murphy-Jones"
    assert request_outcomes(damstra_emulator) == [("PUT", status), ("POST", 200)]
    assert client.call(PUT).id == PUT.user_id
    assert request_outcomes(damstra_emulator)[2:] == [("POST", 200)]
    bodies = [entry["body"] for entry in damstra_emulator.journal()]
    assert bodies == [bodies[0]] * 3
    assert client.sleeps == []


def test_put_is_used_where_it_exists(client: ClientDriver, damstra_emulator: DamstraEmulator) -> None:
    client.call(PUT)
    client.call(PUT)
    assert request_outcomes(damstra_emulator) == [("PUT", 200)] * 2


@missing
def test_no_method_is_remembered_where_both_are_missing(
    status: int, client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=status)
    kind = DamstraNotFoundError if status == 404 else DamstraRequestError
    for _ in range(2):
        assert type(client.error(PUT)) is kind
    assert request_outcomes(damstra_emulator) == [("PUT", status), ("POST", status)] * 2


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"statusCode": 404, "message": "User with id 7 not found"}, DamstraNotFoundError),
        (405, {"error": "No"}, DamstraRequestError),
        (403, None, DamstraPermissionError),
        (400, None, DamstraRequestError),
        (501, None, DamstraServerError),
    ],
)
def test_error_of_the_api_does_not_lead_to_post(
    status: int, body: Any, kind: type[Exception], client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", method="PUT", status=status, body=body)
    assert type(client.error(PUT)) is kind
    assert {method for method, _ in request_outcomes(damstra_emulator)} == {"PUT"}


def test_other_endpoints_have_no_fallback_method(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=405)
    assert type(client.error(GET)) is DamstraRequestError
    assert request_outcomes(damstra_emulator) == [("GET", 405)]


def test_fallback_post_is_sent_once_when_its_outcome_is_unknown(
    client: ClientDriver, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", method="PUT", status=405)
    damstra_emulator.add_fault("drop_after", method="POST")
    error = client.error(PUT)
    assert type(error) is DamstraTransportError
    assert error.outcome_unknown
    assert error.request == PUT.request(method="POST")
    assert request_outcomes(damstra_emulator) == [("PUT", 405), ("POST", 200)]


def test_put_is_retried_as_put_after_5xx(client: ClientDriver, damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", method="PUT", status=503, count=1)
    client.call(PUT)
    assert request_outcomes(damstra_emulator) == [("PUT", 503), ("PUT", 200)]
