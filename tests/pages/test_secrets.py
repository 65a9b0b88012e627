"""No page shows a secret: access key, webhook tokens, hash key, and logins in addresses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.secrets.environment_variables import EnvironmentVariablesBackend
from cryptography.fernet import InvalidToken

from airflow_provider_damstra.pages import known_connections
from airflow_provider_damstra.pages.csrf import csrf_token
from airflow_provider_damstra.pages.training_reading import list_groups, read_matrix_page
from airflow_provider_damstra.webhooks.inbox import EventState
from tests.pages.conftest import CONN_ID, SignIn, user_of
from tests.pages.events import add_event
from tests.pages.task_instances import add_task, add_trigger

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.needs_airflow("3.1")

SECRETS = {
    "webhook_token": "token-1-of-the-webhook-receiver",
    "webhook_tokens_previous": "token-2-of-the-webhook-receiver:2030-01-01T00:00:00Z",
    "hash_key": "key-with-which-exports-hash-columns",
}
PATHS = (
    *("inbox", "waits", "training", "training?conn_id=damstra_default&group_id=101", "connections"),
    "training/matrix?conn_id=damstra_default&group_id=101",
)


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    for function in (list_groups, read_matrix_page):
        function.cache_clear()


@pytest.mark.usefixtures("connection_test_enabled")
def test_no_page_shows_a_secret(
    sign_in: SignIn, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(damstra_emulator.connection_json)
    connection["extra"] = {**connection["extra"], **SECRETS}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    monkeypatch.setenv(
        "AIRFLOW_CONN_DAMSTRA_BROKEN",
        json.dumps({**connection, "host": "https://user:login-secret@damstra.example.com"}),
    )
    add_event()
    add_event(EventState.REFUSED, reason="no such user")
    add_task("wait", "deferred", trigger_id=add_trigger(user_id=7, lesson_ids=[12]))
    client = sign_in("ADMIN")
    pages = [client.get(f"/damstra-ui/{path}").text for path in PATHS]
    for conn_id in (CONN_ID, "damstra_broken"):
        form = {"csrf_token": csrf_token(user_of("ADMIN")), "conn_id": conn_id}
        pages.append(client.post("/damstra-ui/connections/check", data=form).text)
    shown = "\n".join(pages)
    assert "damstra_broken" in shown
    for secret in (
        damstra_emulator.access_key,
        *SECRETS.values(),
        "token-2-of-the-webhook-receiver",
        "login-secret",
    ):
        assert secret not in shown


class SecretsBackend:
    """A secrets backend that records lookups, and either contains nothing or fails with a secret."""

    def __init__(self, *, fails: bool) -> None:
        self.conn_ids: list[str] = []
        self._fails = fails

    def get_connection(self, conn_id: str) -> None:
        """Return no connection."""
        self.conn_ids.append(conn_id)
        if self._fails:
            raise ConnectionRefusedError("https://vault:secret-of-the-vault@vault.example.com")

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Use it before the environment."""
        backends: list[Any] = [self, EnvironmentVariablesBackend()]
        patch.setattr("airflow.configuration.ensure_secrets_loaded", lambda: backends)


@pytest.mark.usefixtures("connection_test_enabled")
def test_error_of_a_secrets_backend_is_shown_by_its_type_only(
    sign_in: SignIn,
    damstra_connection: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    SecretsBackend(fails=True).install(monkeypatch)
    client = sign_in("ADMIN")
    form = {"csrf_token": csrf_token(user_of("ADMIN")), "conn_id": damstra_connection}
    responses = [client.get(f"/damstra-ui/{path}") for path in PATHS if "conn" in path]
    responses.append(client.post("/damstra-ui/connections/check", data=form))
    assert [response.status_code for response in responses] == [200, 200, 502, 200]
    for response in responses:
        assert "(ConnectionRefusedError)" in response.text
        assert "secret-of-the-vault" not in response.text
    assert "secret-of-the-vault" not in caplog.text


def test_connection_of_another_fernet_key_is_shown_as_unreadable(
    sign_in: SignIn, damstra_connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise InvalidToken("secret-of-the-connection")

    monkeypatch.setattr(known_connections, "load_settings", fail)
    response = sign_in("OP").get(f"/damstra-ui/training?conn_id={damstra_connection}")
    assert (response.status_code, "(InvalidToken)" in response.text) == (200, True)
    assert "secret-of-the-connection" not in response.text


def test_secrets_backends_are_queried_once_for_each_shown_connection(
    sign_in: SignIn, damstra_connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WAREHOUSE", "LAKE"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", "postgres://example.com")
    backend = SecretsBackend(fails=False)
    backend.install(monkeypatch)
    assert sign_in("OP").get("/damstra-ui/connections").status_code == 200
    assert backend.conn_ids == [damstra_connection]
