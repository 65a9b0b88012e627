"""Secrets: in clear only on request, and never in logs or rendered templates."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.operators.lesson import DamstraGetEmbedUrlOperator
from airflow_provider_damstra.operators.user import (
    DamstraCreateUserOperator,
    DamstraGenerateLoginUrlOperator,
    DamstraUpdateUserOperator,
)
from tests.operators.all_cases import CASES, operator_classes
from tests.operators.lesson_session_cases import DUE_SCHEDULE
from tests.operators.task_runner import error_message, rejection_message, run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.operators.base import DamstraOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import Scenario

OPERATORS: list[tuple[type[DamstraOperator], dict[str, Any]]] = [
    (DamstraGenerateLoginUrlOperator, {"user_id": 1011}),
    (DamstraGetEmbedUrlOperator, {"lesson_schedule_id": DUE_SCHEDULE}),
    (DamstraGetEmbedUrlOperator, {"lesson_schedule_id": DUE_SCHEDULE, "all_lesson_types": True}),
]
PASSWORD = "Hunter2!"


class Log:
    """All that is logged, by any library."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog = caplog
        self._capfd = capfd
        caplog.set_level(logging.DEBUG)

    def text(self) -> str:
        """Return what was logged since the last question."""
        out, err = self._capfd.readouterr()
        return self._caplog.text + out + err


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Log:
    """Return what is logged from here on."""
    return Log(caplog, capfd)


def rendered(operator: DamstraOperator) -> str:
    return repr({name: getattr(operator, name) for name in operator.template_fields})


@pytest.mark.parametrize(("kind", "arguments"), OPERATORS)
def test_secret_is_in_the_file_only(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    damstra_emulator: DamstraEmulator,
    log: Log,
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "url.txt"
    operator = kind(task_id="step", **arguments, path=str(path))
    assert run(operator).value == str(path)
    secret = path.read_text()
    token = secret.partition("token=")[2]
    assert secret.startswith(damstra_emulator.url)
    assert len(token) > 20
    assert list(path.parent.iterdir()) == [path]
    message = log.text()
    assert "HTTP 200" in message
    assert token not in message + rendered(operator)


@pytest.mark.parametrize(("kind", "arguments"), OPERATORS)
def test_returned_secret_is_not_logged(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    damstra_emulator: DamstraEmulator,
    log: Log,
) -> None:
    operator = kind(task_id="step", **arguments, return_in_clear=True)
    token = run(operator).value.partition("token=")[2]
    assert len(token) > 20
    assert token not in log.text() + rendered(operator)


@pytest.mark.parametrize(("kind", "arguments"), OPERATORS)
def test_retry_replaces_file(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
) -> None:
    path = tmp_path / "url.txt"
    path.write_text("old" * 1000)
    run(kind(task_id="step", **arguments, path=f"file://{path}"))
    assert path.read_text().startswith(damstra_emulator.url)
    assert "old" not in path.read_text()


@pytest.mark.parametrize(("kind", "arguments"), OPERATORS)
def test_invalid_response_with_secret_is_not_shown(
    kind: Callable[..., DamstraOperator],
    arguments: dict[str, Any],
    damstra_emulator: DamstraEmulator,
    log: Log,
) -> None:
    body = '{"url": 7, "token": "SECRET-TOKEN"'
    damstra_emulator.add_fault("status", status=200, body=body)
    assert "it contains a secret" in error_message(kind(task_id="step", **arguments, return_in_clear=True))
    assert "SECRET-TOKEN" not in log.text()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_access_key_is_never_logged(scenario: Scenario, log: Log) -> None:
    scenario.run()
    message = log.text()
    assert "HTTP 200" in message
    assert scenario.emulator.access_key not in message


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (DamstraCreateUserOperator, {"user": {"user_name": "ada", "password": PASSWORD}}),
        (DamstraUpdateUserOperator, {"user_id": 1011, "changes": {"password": PASSWORD}}),
    ],
)
def test_password_is_rejected(
    kind: type[DamstraOperator],
    arguments: dict[str, Any],
    damstra_emulator: DamstraEmulator,
    log: Log,
) -> None:
    why = rejection_message(kind, arguments)
    assert why.startswith("a password in an operator's arguments would be kept and shown by Airflow")
    assert PASSWORD not in why + log.text()
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("kind", operator_classes(), ids=lambda kind: kind.__name__)
def test_template_fields_are_not_secret(kind: type[DamstraOperator]) -> None:
    secret = ("password", "access_key", "token", "url", "secret", "return_in_clear")
    assert [name for name in kind.template_fields if name in secret] == []


def test_file_with_secret_is_readable_by_owner_only(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "login.url"
    run(DamstraGenerateLoginUrlOperator(task_id="step", user_id=1011, path=path.as_uri()))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("http")
