"""Trouble with the connection: a sentence says what it is, and there is no retry where none can mend it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraRateLimitError, DamstraServerError, DamstraTransportError
from tests.operators.all_cases import CASES
from tests.operators.faults import SERVER_ERROR
from tests.operators.operator_case import OperatorCase, changes_in
from tests.operators.task_runner import error_message, fail_fast_message
from tests.operators.user_group_cases import CREATE_USER

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.conftest import ConnectionFactory


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wrong_key_fails_at_once_and_is_named(
    case: OperatorCase, damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    connect(password="wrong-key")
    why = fail_fast_message(case.make(tmp_path))
    assert "Check the connection's access key" in why
    assert "wrong-key" not in why
    assert changes_in(damstra_emulator) == {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_host_that_is_not_reached_is_named(
    case: OperatorCase, connect: ConnectionFactory, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
    connect(host=f"http://{host}")
    why = error_message(case.make(tmp_path), DamstraTransportError)
    assert f"got no answer from {host}: connection refused. The request was not sent" in why


def test_a_permission_that_is_missing_fails_at_once(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    body = {"internalCode": 831, "error": "You are not authorised to make this request"}
    damstra_emulator.add_fault("status", status=403, method="POST", body=body)
    assert "The key's account lacks the permission" in fail_fast_message(CREATE_USER.make(tmp_path))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"password": ""}, "the access key (field Password) is not usable: it is empty"),
        ({"extra": {"max_retrys": 1}}, "max_retrys: there is no such extra"),
        ({"host": "http://damstra.example.com"}, "would send the access key unencrypted"),
    ],
)
def test_a_connection_that_cannot_be_used_fails_at_once(
    fields: dict[str, Any], why: str, connect: ConnectionFactory, tmp_path: Path
) -> None:
    connect(**fields)
    said = fail_fast_message(CREATE_USER.make(tmp_path))
    assert said.startswith("Connection 'damstra_default' cannot be used: ")
    assert why in said


@pytest.mark.parametrize(
    ("status", "kind"), [(503, DamstraServerError), (429, DamstraRateLimitError)], ids=str
)
def test_what_time_may_mend_is_left_to_airflows_retries(
    status: int,
    kind: type[DamstraServerError | DamstraRateLimitError],
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    tmp_path: Path,
) -> None:
    connect(extra={"max_retries": 1})
    damstra_emulator.add_fault("status", status=status, body=SERVER_ERROR)
    assert f"HTTP {status}" in error_message(CREATE_USER.make(tmp_path), kind)
