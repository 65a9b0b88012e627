"""The checks of the webhook receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.diagnostics.doctor.run import CHECKS, diagnose
from airflow_provider_damstra.diagnostics.finding import Finding, Level
from tests.clients.servers import http_response, raw_server
from tests.diagnostics.connections import CONN_ID, connect
from tests.webhooks.receiver_server import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.webhooks.receiver_server import ReceiverServer

pytestmark = pytest.mark.usefixtures("metadata_database")


def diagnose_receiver() -> list[Finding]:
    """Return the findings about the connection and the receiver."""
    checks = [check for check in CHECKS if check.name in ("connection", "receiver")]
    return list(diagnose(CONN_ID, checks=checks))


def test_disabled_receiver_is_no_error(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "False")
    assert diagnose_receiver()[-1].text == "Webhooks are not received: [damstra] webhooks_enabled is False."


def test_receiver_that_responds_is_ok(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, metadata_database: Path
) -> None:
    connect(monkeypatch, extra={"webhook_token": receiver.token})
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"http://{HOST}:{receiver.port}")
    findings = diagnose_receiver()
    assert [finding.level for finding in findings] == [Level.OK, Level.OK, Level.WARNING]
    assert findings[1].text == "The receiver at [api] base_url responds, and accepts the token."
    assert findings[2].advice == "Set it to the public https:// address of the API server."


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (http_response(b"{}", status=404), "does not accept this machine's request (HTTP 404)"),
        (http_response(b"{}", status=503), "is not ready (HTTP 503)"),
        (b"", "No response from the receiver at [damstra] receiver_url (ConnectionError)"),
    ],
    ids=["not-found", "unavailable", "no-response"],
)
def test_receiver_that_does_not_accept_is_an_error(
    monkeypatch: pytest.MonkeyPatch, response: bytes, text: str
) -> None:
    token = "t" * 43
    connect(monkeypatch, extra={"webhook_token": token})
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:9")
    with raw_server(response) as server:
        monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", server.url)
        findings = diagnose_receiver()
    assert [finding.level for finding in findings[1:3]] == [Level.ERROR, Level.ERROR]
    assert text in findings[2].text
    assert findings[2].advice
    assert token not in str(findings)


def test_missing_token_and_invalid_configuration_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, extra={})
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
    (_, finding) = diagnose_receiver()
    assert "airflow damstra webhook-url --conn-id damstra_default" in finding.advice
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "perhaps")
    (_, finding) = diagnose_receiver()
    assert finding.level is Level.ERROR
    assert "webhooks_enabled" in finding.text
