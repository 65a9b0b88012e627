"""airflow damstra send-test-event."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.auth import generate_token
from tests.clients.servers import http_response, raw_server
from tests.webhooks.metadata_db import COMPLETED, create_dag, list_asset_events
from tests.webhooks.receiver_server import COMPLETED_ID, HOST, OPEN_ID, USER_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import FailCommand, RunCommand
    from tests.webhooks.receiver_server import ReceiverServer

VARIABLE = "AIRFLOW_CONN_DAMSTRA_DEFAULT"
SEND = ("send-test-event", "--timeout", "0")


def connect(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "damstra", "password": "no-key", "extra": extra}))


def configure(server: ReceiverServer, monkeypatch: pytest.MonkeyPatch, token: str | None = None) -> None:
    """Set a connection to the emulator, and the receiver's address."""
    connection = json.loads(os.environ[VARIABLE])
    extra = {"webhook_token": server.token if token is None else token}
    monkeypatch.setenv(VARIABLE, json.dumps({**connection, "extra": extra}))
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{server.port}/")


def test_event_becomes_asset_event(
    run_command: RunCommand, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(receiver, monkeypatch)
    create_dag("everything", "all")
    output, _ = run_command("send-test-event")
    assert [line[:4] for line in output.splitlines()] == ["ok  "] * 5
    assert f"http://{HOST}:{receiver.port}/damstra/webhooks/damstra_default/***: 200 received" in output
    assert "event 1 is in the inbox" in output
    assert output.endswith("ok  asset damstra://damstra_default/all is updated\n")
    assert receiver.token not in output
    (event,) = list_asset_events()
    assert event.extra["payload"]["name"] == "airflow.test"


def test_known_event_is_verified(
    run_command: RunCommand, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(receiver, monkeypatch)
    ids = ("--lesson-schedule-id", str(COMPLETED_ID), "--user-id", str(USER_ID))
    output, _ = run_command("send-test-event", "--name", COMPLETED, *ids)
    assert f"asset damstra://damstra_default/{COMPLETED} is used by no DAG: nothing to update" in output


def test_refusal_is_reported_with_reason(
    fail_command: FailCommand, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(receiver, monkeypatch)
    ids = ("--lesson-schedule-id", str(OPEN_ID), "--user-id", str(USER_ID))
    message = fail_command(*SEND, "--name", COMPLETED, "--timeout", "30", *ids)
    assert message == "Event 1 is refused: the schedule is not completed"


def test_unknown_token_is_reported_with_advice(
    fail_command: FailCommand, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = generate_token()
    configure(receiver, monkeypatch, token)
    message = fail_command(*SEND)
    assert "404. Set [damstra] webhooks_enabled" in message
    assert token not in message
    assert inbox.list_events() == []


def test_unreachable_receiver_is_reported_with_url(
    fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
    token = generate_token()
    connect(monkeypatch, webhook_token=token)
    message = fail_command(*SEND)
    assert "POST http://127.0.0.1:9/damstra/webhooks/damstra_default/***: ConnectionError." in message
    assert token not in message


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_receiver_is_requested_without_proxy_and_netrc(
    variable: str, fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    connect(monkeypatch, webhook_token=generate_token())
    with raw_server(http_response("", 503)) as proxy, raw_server(http_response("", 503)) as server:
        monkeypatch.setenv(variable, proxy.url)
        monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", server.url)
        assert ": 503 " in fail_command(*SEND)
        assert (len(proxy.requests), len(server.requests)) == (0, 1)
    assert "authorization" not in server.requests[0].lower()


@pytest.mark.parametrize("url", ["http://[::1", "http://ann:secret@127.0.0.1:9", "no-scheme", "http://a..b"])
def test_invalid_receiver_url_is_reported_without_login(
    url: str, fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://[::1")
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", url)
    token = generate_token()
    connect(monkeypatch, webhook_token=token)
    message = fail_command(*SEND)
    assert "[damstra] receiver_url sets its address" in message
    assert token not in message
    assert "secret" not in message


@pytest.mark.parametrize("response", [http_response("\x1b[2J[/x]\nno", 400), http_response("\x1b[2J[/x]")])
def test_response_of_another_server_is_reported_with_escapes(
    response: bytes, fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, webhook_token=generate_token())
    with raw_server(response) as server:
        monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", server.url)
        message = fail_command(*SEND)
    assert r" \x1b[2J[/x]" in message
    assert message.isprintable()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("form", ["plain", "percent-encoded", "lower-case", "fully-encoded", "json"])
def test_token_is_masked_in_url_and_response(
    form: str,
    status: int,
    fail_command: FailCommand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = "s3cr+t/" * 7 + "=="
    connect(monkeypatch, webhook_token=token)
    echoed = {
        "plain": token,
        "percent-encoded": quote(token, safe=""),
        "lower-case": quote(token, safe="").lower(),
        "fully-encoded": "".join(f"%{byte:02X}" for byte in token.encode()),
        "json": token.replace("/", r"\/"),
    }[form]
    # The limit of the shown text is within the second one.
    echo = f"/{echoed}/" + "x" * 150 + echoed
    with raw_server(http_response(echo, status)) as server:
        monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", server.url)
        message = fail_command(*SEND)
    assert f"/damstra/webhooks/damstra_default/***: {status} /***/xxx" in message
    assert "s3cr" not in unquote(message)


def test_missing_token_is_reported_with_advice(
    fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch)
    assert "airflow damstra webhook-url --conn-id damstra_default makes one" in fail_command(*SEND)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lesson.schedule.complete", "did you mean lesson.schedule.completed?"),
        ("Lesson.Schedule.Created", "did you mean lesson.schedule.created?"),
        ("", "the events are lesson.schedule.cancelled, lesson.schedule.changed, "),
    ],
)
def test_unknown_event_name_is_rejected_with_nearest(name: str, hint: str, fail_command: FailCommand) -> None:
    message = fail_command(*SEND, "--name", name)
    assert message.startswith(f"Damstra has no event {name!r}: {hint}")
    assert "\n" not in message


def test_unknown_connection_is_reported_with_advice(fail_command: FailCommand) -> None:
    message = fail_command(*SEND, "--conn-id", "nope")
    assert message.startswith("There is no connection 'nope'. Make it first: airflow connections add nope ")


def test_invalid_event_is_not_sent(fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, webhook_token=generate_token())
    message = fail_command(*SEND, "--name", COMPLETED)
    assert message == (
        "Not a valid lesson.schedule.completed event: "
        "lessonScheduleId: Field required; userId: Field required"
    )
