"""airflow damstra webhook-url."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models import Connection
from airflow.providers.common.compat.sdk import mask_secret
from airflow.utils.session import create_session
from sqlalchemy import select, text

from airflow_provider_damstra.webhooks.auth import accepted_tokens, generate_token

if TYPE_CHECKING:
    from tests.cli.conftest import FailCommand, RunCommand

PREFIX = "http://localhost:8080/damstra/webhooks/damstra_mine/"
COMMAND = ("webhook-url", "--conn-id", "damstra_mine")


def add_connection(**fields: Any) -> None:
    with create_session() as session:
        values = {"conn_type": "damstra", "password": "the-access-key", **fields}
        session.add(Connection(conn_id="damstra_mine", **values))


def stored_extra() -> dict[str, Any]:
    with create_session() as session:
        connection = session.scalar(select(Connection).where(Connection.conn_id == "damstra_mine"))
        assert connection is not None
        assert connection.password == "the-access-key"
        extra: dict[str, Any] = json.loads(connection.extra or "{}")
        return extra


def accepted_tokens_after(**after: float) -> list[str]:
    return accepted_tokens(stored_extra(), now=datetime.now(UTC) + timedelta(**after))


def test_token_is_created_once_and_other_extra_is_kept(run_command: RunCommand) -> None:
    add_connection(extra=json.dumps({"page_size": 50}))
    first, hints = run_command(*COMMAND)
    (token,) = accepted_tokens_after()
    assert first == f"{PREFIX}{token}\n"
    assert token not in hints
    assert stored_extra() == {"page_size": 50, "webhook_token": token}
    assert run_command(*COMMAND)[0] == first
    assert accepted_tokens_after() == [token]


def test_previous_token_is_accepted_for_a_day(run_command: RunCommand) -> None:
    add_connection()
    run_command(*COMMAND)
    (old,) = accepted_tokens_after()
    url, hints = run_command(*COMMAND, "--rotate")
    new = accepted_tokens_after()[0]
    assert url == f"{PREFIX}{new}\n"
    assert "The previous address is accepted until" in hints
    assert accepted_tokens_after(hours=23) == [new, old]
    assert accepted_tokens_after(hours=25) == [new]


def test_short_token_is_replaced(run_command: RunCommand) -> None:
    add_connection(extra=json.dumps({"webhook_token": "short"}))
    run_command(*COMMAND)
    assert len(accepted_tokens_after()) == 1


def test_missing_settings_are_reported(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection()
    _, hints = run_command(*COMMAND)
    assert "[damstra] webhooks_enabled = True" in hints
    assert "[api] base_url" in hints
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOK_CONN_IDS", "damstra_mine")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/mine/")
    url, hints = run_command(*COMMAND)
    assert hints == ""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://ann:secret@airflow.example.com")
    assert "it is http://***@airflow.example.com." in run_command(*COMMAND)[1]
    assert url.startswith("https://airflow.example.com/mine/damstra/webhooks/damstra_mine/")


def test_extra_for_connection_from_environment_is_printed(
    run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = generate_token()
    mask_secret(before)  # as Airflow does when it reads a connection
    value = {"conn_type": "damstra", "password": "the-access-key", "extra": {"webhook_token": before}}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_MINE", json.dumps(value))
    assert run_command(*COMMAND)[0] == f"{PREFIX}{before}\n"
    url, hints = run_command(*COMMAND, "--rotate")
    assert "the environment variable AIRFLOW_CONN_DAMSTRA_MINE, which cannot be written" in hints
    printed = json.loads(hints[hints.index("{") : hints.index("}") + 1])
    assert url == f"{PREFIX}{printed['webhook_token']}\n"
    assert accepted_tokens(printed, now=datetime.now(UTC)) == [printed["webhook_token"], before]
    assert "the-access-key" not in hints


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (None, "There is no connection 'damstra_mine'. Make it first: airflow connections add damstra_mine"),
        ({"conn_type": "http"}, "is of type 'http', not 'damstra'"),
    ],
)
def test_unusable_connection_is_rejected(fail_command: FailCommand, fields: Any, why: str) -> None:
    if fields is not None:
        add_connection(**fields)
    assert why in fail_command(*COMMAND)


def test_extra_that_is_not_an_object_is_reported(fail_command: FailCommand) -> None:
    add_connection()
    with create_session() as session:
        # Airflow rejects it only where it makes a connection.
        session.execute(text("UPDATE connection SET extra = '[1]'"))
    assert fail_command(*COMMAND) == (
        "Connection 'damstra_mine' cannot be used: its extra is not a JSON object."
    )
