"""The address to paste into Damstra: its token is made, kept, rotated, and told to nobody else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models import Connection
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.webhooks.auth import accepted_tokens, generate_token

if TYPE_CHECKING:
    from tests.cli.conftest import Damstra

PREFIX = "http://localhost:8080/damstra/webhooks/damstra_mine/"
MINE = ("webhook-url", "--conn-id", "damstra_mine")


def make_connection(**fields: Any) -> None:
    with create_session() as session:
        values = {"conn_type": "damstra", "password": "the-access-key", **fields}
        session.add(Connection(conn_id="damstra_mine", **values))


def extra() -> dict[str, Any]:
    with create_session() as session:
        connection = session.scalar(select(Connection).where(Connection.conn_id == "damstra_mine"))
        assert connection is not None
        assert connection.password == "the-access-key"
        found: dict[str, Any] = json.loads(connection.extra or "{}")
        return found


def accepted(**after: float) -> list[str]:
    return accepted_tokens(extra(), now=datetime.now(UTC) + timedelta(**after))


def test_a_token_is_made_once_and_the_rest_of_the_extra_stays(damstra: Damstra) -> None:
    make_connection(extra=json.dumps({"page_size": 50}))
    first, said = damstra(*MINE)
    (token,) = accepted()
    assert first == f"{PREFIX}{token}\n"
    assert token not in said
    assert extra() == {"page_size": 50, "webhook_token": token}
    assert damstra(*MINE)[0] == first
    assert accepted() == [token]


def test_a_rotated_token_is_accepted_for_a_day(damstra: Damstra) -> None:
    make_connection()
    damstra(*MINE)
    (old,) = accepted()
    address, said = damstra(*MINE, "--rotate")
    new = accepted()[0]
    assert address == f"{PREFIX}{new}\n"
    assert "The address before is accepted until" in said
    assert accepted(hours=23) == [new, old]
    assert accepted(hours=25) == [new]


def test_a_token_that_is_too_short_is_replaced(damstra: Damstra) -> None:
    make_connection(extra=json.dumps({"webhook_token": "short"}))
    damstra(*MINE)
    assert len(accepted()) == 1


def test_it_says_why_the_address_would_not_be_answered(
    damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_connection()
    _, said = damstra(*MINE)
    assert "[damstra] webhooks_enabled = True" in said
    assert "[api] base_url" in said
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOK_CONN_IDS", "damstra_mine")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/mine/")
    address, said = damstra(*MINE)
    assert said == ""
    assert address.startswith("https://airflow.example.com/mine/damstra/webhooks/damstra_mine/")


def test_what_comes_from_the_environment_is_not_written_but_told(
    damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = generate_token()
    value = {"conn_type": "damstra", "password": "the-access-key", "extra": {"webhook_token": before}}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_MINE", json.dumps(value))
    assert damstra(*MINE)[0] == f"{PREFIX}{before}\n"
    address, said = damstra(*MINE, "--rotate")
    assert "the environment variable AIRFLOW_CONN_DAMSTRA_MINE, which cannot be written" in said
    told = json.loads(said[said.index("{") : said.index("}") + 1])
    assert address == f"{PREFIX}{told['webhook_token']}\n"
    assert accepted_tokens(told, now=datetime.now(UTC)) == [told["webhook_token"], before]
    assert "the-access-key" not in said


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (None, "There is no connection 'damstra_mine'. Make it first: airflow connections add damstra_mine"),
        ({"conn_type": "http"}, "is of type 'http', not 'damstra'"),
    ],
)
def test_a_connection_that_cannot_be_used_is_left_as_it_is(damstra: Damstra, fields: Any, why: str) -> None:
    if fields is not None:
        make_connection(**fields)
    with pytest.raises(SystemExit, match=why):
        damstra(*MINE)
