"""Connection errors: the message names the cause, and only temporary ones are retried."""

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
def test_wrong_key_fails_immediately(
    case: OperatorCase, damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    connect(password="wrong-key")
    why = fail_fast_message(case.create_operator(tmp_path))
    assert "Check the connection's access key" in why
    assert "wrong-key" not in why
    assert changes_in(damstra_emulator) == {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_unreachable_host_is_named(case: OperatorCase, connect: ConnectionFactory, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        host = f"127.0.0.1:{unused.getsockname()[1]}"
    connect(host=f"http://{host}")
    why = error_message(case.create_operator(tmp_path), DamstraTransportError)
    assert f"received no response from {host}: connection refused. The request was not sent" in why


def test_missing_permission_fails_immediately(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    body = {"internalCode": 831, "error": "You are not authorised to make this request"}
    damstra_emulator.add_fault("status", status=403, method="POST", body=body)
    assert "The key's account lacks the permission" in fail_fast_message(
        CREATE_USER.create_operator(tmp_path)
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"password": ""}, "the access key (field Password) is not usable: it is empty"),
        ({"extra": {"max_retrys": 1}}, "max_retrys: there is no such extra"),
        ({"host": "http://damstra.example.com"}, "would send the access key unencrypted"),
    ],
)
def test_invalid_connection_fails_immediately(
    fields: dict[str, Any], why: str, connect: ConnectionFactory, tmp_path: Path
) -> None:
    connect(**fields)
    message = fail_fast_message(CREATE_USER.create_operator(tmp_path))
    assert message.startswith("Connection 'damstra_default' cannot be used: ")
    assert why in message


@pytest.mark.parametrize(
    ("status", "kind"), [(503, DamstraServerError), (429, DamstraRateLimitError)], ids=str
)
def test_temporary_error_is_left_to_airflow_retries(
    status: int,
    kind: type[DamstraServerError | DamstraRateLimitError],
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    tmp_path: Path,
) -> None:
    connect(extra={"max_retries": 1})
    damstra_emulator.add_fault("status", status=status, body=SERVER_ERROR)
    assert f"HTTP {status}" in error_message(CREATE_USER.create_operator(tmp_path), kind)
