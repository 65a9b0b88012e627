"""The page of the connections: settings, outcomes of the last day, the check, and who may see it."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.pages.csrf import csrf_token
from airflow_provider_damstra.webhooks.inbox import EventState
from tests.pages.conftest import CONN_ID, SignIn, user_of
from tests.pages.events import add_event
from tests.pages.task_instances import NOW, add_task

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.needs_airflow("3.1")

CONNECTIONS = "/damstra-ui/connections"


def texts(page: str) -> str:
    """Return the text of a page, with single spaces."""
    return " ".join(re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", page, flags=re.S).split())


@pytest.mark.usefixtures("connection_test_enabled")
@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("VIEWER", 403), ("USER", 403), ("OP", 200), ("ADMIN", 200)], ids=str
)
def test_page_and_check_need_permissions_for_connections(
    sign_in: SignIn, damstra_connection: str, role: str | None, status: int
) -> None:
    client = sign_in(role)
    page = client.get(CONNECTIONS)
    assert page.status_code == status
    assert (damstra_connection in page.text) is (status == 200)
    form = {"csrf_token": csrf_token(user_of(role or "ADMIN")), "conn_id": damstra_connection}
    assert client.post(f"{CONNECTIONS}/check", data=form).status_code == status


def test_settings_tries_and_events(
    sign_in: SignIn, damstra_connection: str, damstra_emulator: DamstraEmulator
) -> None:
    rendered = {"damstra_conn_id": damstra_connection}
    hour = timedelta(hours=1)
    add_task("one", "success", rendered=rendered, ended=hour)
    add_task("two", "up_for_retry", rendered=rendered, ended=hour)
    add_task("two", "failed", ended=hour, in_history=True)
    add_task("three", "success", rendered=rendered, ended=25 * hour)
    add_task("four", "failed", ended=hour)
    add_task("five", "failed", operator="BashOperator", ended=hour)
    add_event(EventState.CONFIRMED, processed_at=NOW - hour)
    add_event(EventState.REFUSED, processed_at=NOW - 25 * hour)
    add_event()
    shown = texts(sign_in("OP").get(CONNECTIONS).text)
    assert "66.7 % failed 2 failed, 1 succeeded" in shown
    assert "1 confirmed 0 refused, 1 waiting now" in shown
    assert "no limit per second 8 concurrent requests, 2 retries, time-out 10 s" in shown
    assert "not known 100.0 % failed 1 failed, 0 succeeded" in shown
    assert damstra_emulator.url.removeprefix("http://") in shown
    assert damstra_emulator.journal() == []


def test_page_is_shown_without_tries_if_airflow_has_no_history_of_them(
    sign_in: SignIn, damstra_connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_task("one", "failed", rendered={"damstra_conn_id": damstra_connection}, ended=timedelta(hours=1))
    monkeypatch.setitem(sys.modules, "airflow.models.taskinstancehistory", None)
    page = sign_in("OP").get(CONNECTIONS)
    assert page.status_code == 200
    assert "failed" not in texts(page.text).partition(damstra_connection)[2]


@pytest.mark.usefixtures("connection_test_enabled")
def test_check_reports_success_and_an_error_as_the_server_wrote_it(
    sign_in: SignIn, damstra_connection: str, damstra_emulator: DamstraEmulator
) -> None:
    client = sign_in("OP")
    form = {"csrf_token": csrf_token(user_of("OP")), "conn_id": damstra_connection}
    page = client.post(f"{CONNECTIONS}/check", data=form).text
    assert "the access key is accepted" in texts(page)
    assert [entry["method"] for entry in damstra_emulator.journal()] == ["GET"]
    damstra_emulator.add_fault("status", path="/user", status=400, body={"error": "no [bold] users"})
    page = client.post(f"{CONNECTIONS}/check", data=form).text
    assert 'class="notice bad"' in page
    assert "no [bold] users" in page


@pytest.mark.parametrize("option", [None, "Disabled", "Hidden"], ids=str)
def test_check_is_refused_unless_airflow_permits_the_test_of_connections(
    sign_in: SignIn,
    damstra_connection: str,
    damstra_emulator: DamstraEmulator,
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
) -> None:
    if option is not None:
        monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", option)
    client = sign_in("ADMIN")
    assert "Check now" not in client.get(CONNECTIONS).text
    form = {"csrf_token": csrf_token(user_of("ADMIN")), "conn_id": damstra_connection}
    response = client.post(f"{CONNECTIONS}/check", data=form)
    assert (response.status_code, "[core] test_connection" in response.text) == (403, True)
    assert damstra_emulator.journal() == []


@pytest.mark.usefixtures("connection_test_enabled")
def test_check_is_offered_only_for_connections_that_it_accepts(
    sign_in: SignIn, damstra_connection: str
) -> None:
    for conn_id in (damstra_connection, "of_a_task"):
        rendered = {"damstra_conn_id": conn_id}
        add_task(conn_id, "success", rendered=rendered, ended=timedelta(hours=1))
    client = sign_in("OP")
    page = client.get(CONNECTIONS).text
    assert "<td>of_a_task" in page
    assert re.findall(r'aria-label="Check (\w+)"', page) == [damstra_connection]


@pytest.mark.usefixtures("connection_test_enabled")
def test_unknown_connection_is_not_checked(sign_in: SignIn, damstra_connection: str) -> None:
    form = {"csrf_token": csrf_token(user_of("ADMIN")), "conn_id": "unknown"}
    assert sign_in("ADMIN").post(f"{CONNECTIONS}/check", data=form).status_code == 404


def test_invalid_connection_is_shown_with_its_problem(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "damstra", "password": "key-1", "extra": {"page_sise": 5}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://user:secret-2@example.com")
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", "{")
    page = sign_in("OP").get(CONNECTIONS).text
    assert "page_sise: there is no such extra" in page
    assert "key-1" not in page
    assert "secret-2" not in page
    assert ">other<" not in page


def test_page_is_shown_without_inbox(sign_in: SignIn, damstra_connection: str) -> None:
    from airflow_provider_damstra.webhooks.database import inbox_table, transaction

    with transaction() as connection:
        inbox_table.drop(connection)
    response = sign_in("OP").get(CONNECTIONS)
    shown = texts(response.text)
    assert (response.status_code, "Run: airflow db migrate" in shown) == (200, True)
    assert "none ended not known" in shown
