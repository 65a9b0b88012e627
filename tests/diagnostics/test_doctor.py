"""The checks of an installation: each finding, with its level and advice, and their isolation."""

from __future__ import annotations

import os
import resource
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pytest
from airflow.utils.session import create_session

from airflow_provider_damstra.diagnostics.doctor import installation_checks
from airflow_provider_damstra.diagnostics.doctor.context import DoctorContext, SkippedError
from airflow_provider_damstra.diagnostics.doctor.run import CHECKS, Check, diagnose
from airflow_provider_damstra.diagnostics.finding import Finding, Level
from airflow_provider_damstra.emulator.api_errors import TOKEN_NOT_VALID
from tests.clients.servers import http_response, raw_server
from tests.diagnostics.connections import CONN_ID, VARIABLE, connect

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

PERMISSION_REFUSED = {"internalCode": 831, "error": "Not authorised"}
RESOURCES = ("users", "groups", "lessons", "lesson details", "ILT sessions")

pytestmark = pytest.mark.usefixtures("metadata_database")


def run(*names: str) -> dict[str, Finding]:
    """Run the checks with these names and those before the account's; return the findings by check."""
    needed = {"connection", "key", *names}
    checks = [check for check in CHECKS if check.name in needed]
    return {finding.check: finding for finding in diagnose(CONN_ID, checks=checks)}


def test_healthy_installation_has_no_error(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "False")
    findings = list(diagnose(CONN_ID))
    levels = {finding.check: finding.level for finding in findings}
    # The emulator has no TLS, and a developer's machine may permit few open files.
    assert {check for check, level in levels.items() if level is not Level.OK} <= {"tls", "open files"}
    assert levels.keys() == {
        *(check.name for check in CHECKS if check.name != "permissions"),
        *(f"permission: {name}" for name in RESOURCES),
    }
    assert Level.ERROR not in levels.values()
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}
    assert len(damstra_emulator.journal()) < 20


def test_connection_in_environment_variable_is_named(damstra_emulator: DamstraEmulator) -> None:
    finding = run()["connection"]
    assert finding.text == (
        f"Connection 'damstra_default' is in the environment variable {VARIABLE} and leads to "
        f"{damstra_emulator.url}/api/v2."
    )


def test_connection_in_metadata_database_is_named(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models import Connection as StoredConnection

    os.environ.pop(VARIABLE)
    with create_session() as session:
        session.add(
            StoredConnection(
                conn_id=CONN_ID,
                conn_type="damstra",
                host=damstra_emulator.url,
                password="emulator-access-key",
            )
        )
    findings = run()
    assert "is in Airflow's metadata database" in findings["connection"].text
    assert findings["key"].level is Level.OK


def test_missing_connection_skips_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    findings = {finding.check: finding for finding in diagnose(CONN_ID)}
    assert findings["connection"].level is Level.ERROR
    assert findings["connection"].advice.startswith("Make it: airflow connections add damstra_default ")
    for name in ("tls", "masking", "key", "permissions", "latency", "clock", "page size", "receiver"):
        assert findings[name].level is Level.SKIPPED
        assert findings[name].text == "Not checked: the connection is not usable."


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"conn_type": "http"}, "has the type 'http'"),
        ({"extra": {"pagesize": 1}}, "there is no such extra"),
        ({"password": ""}, "the access key (field Password) is not usable"),
        ({"host": "http://damstra.example"}, "would send the access key unencrypted"),
    ],
    ids=["type", "extra", "no-key", "http"],
)
def test_unusable_connection_is_an_error(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], text: str
) -> None:
    connect(monkeypatch, **fields)
    finding = run()["connection"]
    assert finding.level is Level.ERROR
    assert text in finding.text
    assert finding.advice


def test_connection_that_cannot_be_parsed_is_an_error_without_its_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The parser's error has the part of the password before the slash.
    monkeypatch.setenv(VARIABLE, "damstra://:secret/key@damstra.example")
    finding = run()["connection"]
    assert finding.level is Level.ERROR
    assert finding.text == (
        f"Connection {CONN_ID!r} cannot be read from the environment variable {VARIABLE} (ValueError)."
    )


def test_unchecked_certificate_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, extra={"verify": False})
    finding = next(finding for finding in diagnose(CONN_ID, checks=CHECKS[4:6]) if finding.check == "tls")
    assert finding.level is Level.WARNING
    assert "is not checked" in finding.text


def test_short_key_that_is_not_masked_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, password="k7")
    finding = next(finding for finding in diagnose(CONN_ID, checks=CHECKS[4:7]) if finding.check == "masking")
    assert finding.level is Level.ERROR
    assert "[logging] min_length_masked_secret" in finding.advice


def test_rejected_key_is_an_error_and_skips_permissions(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, password="another-access-key")
    findings = run("permissions")
    assert findings["key"].level is Level.ERROR
    assert "refuses the access key (HTTP 403, code 806)" in findings["key"].text
    assert "Integrations > API Access Keys" in findings["key"].advice
    assert findings["permissions"].text == "Not checked: the server did not accept the access key."


def test_key_and_permission_are_told_apart_by_code_not_by_status(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", path="/user", status=401, body=TOKEN_NOT_VALID, count=1)
    assert "refuses the access key (HTTP 401, code 806)" in run()["key"].text
    damstra_emulator.clear_faults()
    damstra_emulator.add_fault("status", path="/user", status=403, body=PERMISSION_REFUSED)
    findings = run("permissions", "page size")
    assert findings["key"].level is Level.OK
    refused = findings["permission: users"]
    assert refused.level is Level.WARNING
    assert refused.text == "The key may not call ListUsers (HTTP 403)."
    assert findings["page size"].text == "Not checked: the key may not list users."


def test_refusal_of_a_proxy_is_an_error(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("html", path="/user", status=403)
    assert run()["key"].level is Level.ERROR


def test_permission_is_reported_per_resource(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", path="/group/*/supervisor", status=403, body=PERMISSION_REFUSED)
    damstra_emulator.add_fault("status", path="/ilt_session", status=503, body="")
    findings = run("permissions")
    assert findings["permission: users"].text == (
        "The key may call ListUsers, GetUser, ListUserLessonSchedules."
    )
    assert findings["permission: groups"].text == (
        "The key may not call ListGroupSupervisors (HTTP 403). "
        "It may call ListGroups, GetGroup, ListGroupMembers."
    )
    assert findings["permission: ILT sessions"].level is Level.ERROR
    assert findings["permission: lessons"].level is Level.OK


def test_unreachable_server_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host="http://127.0.0.1:9")
    finding = run()["key"]
    assert finding.level is Level.ERROR
    assert "no connection" in finding.text or "refused" in finding.text
    assert "firewall" in finding.advice


def test_slow_server_is_a_warning(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_damstra.diagnostics.doctor.api_checks.SLOW_SECONDS", 0.0)
    finding = run("latency")["latency"]
    assert finding.level is Level.WARNING
    assert finding.text.startswith("A request takes ")


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (timedelta(minutes=5), "behind the server's"),
        (-timedelta(minutes=5), "ahead of the server's"),
        (timedelta(0), "agrees with the server's"),
        (None, "no readable header Date"),
    ],
    ids=["behind", "ahead", "equal", "no-date"],
)
def test_clock_is_compared_with_header(
    monkeypatch: pytest.MonkeyPatch, offset: timedelta | None, text: str
) -> None:
    response = http_response(b'{"results": []}')
    if offset is not None:
        date = format_datetime(datetime.now(UTC) + offset, usegmt=True)
        response = http_response(b'{"results": []}', Date=date)
    with raw_server(response) as server:
        connect(monkeypatch, host=server.url)
        finding = run("clock")["clock"]
    assert text in finding.text


def test_capped_page_names_the_extra(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [{"id": user_id} for user_id in range(30)]
    body = {"results": users, "meta": {"totalResultCount": 400, "startIndex": 0, "endIndex": 30}}
    damstra_emulator.add_fault("status", path="/user", status=200, body=body)
    finding = run("page size")["page size"]
    assert finding.level is Level.WARNING
    assert 'Set the extra page_size of the connection to 30: {"page_size": 30}' in finding.advice
    connect(monkeypatch, extra={"page_size": 30})
    assert run("page size")["page size"].text == "The server sends pages of 30 rows."


def test_page_without_rows_does_not_suggest_a_page_size_of_zero(damstra_emulator: DamstraEmulator) -> None:
    body = {"results": [], "meta": {"totalResultCount": 400, "startIndex": 0, "endIndex": 0}}
    damstra_emulator.add_fault("status", path="/user", status=200, body=body)
    finding = run("page size")["page size"]
    assert finding.level is Level.WARNING
    assert finding.text == "The server sends no row of its 400 users for a page of 100."
    assert '"page_size": 0' not in finding.advice


def test_limit_of_open_files_is_compared_with_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    context = DoctorContext(conn_id=CONN_ID)
    finding = installation_checks.check_open_files(context)
    assert finding.level is Level.WARNING
    assert "at least 1200" in finding.advice
    monkeypatch.setenv("AIRFLOW__TRIGGERER__CAPACITY", "500")
    assert installation_checks.check_open_files(context).level is Level.OK


def test_version_out_of_the_required_range_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        installation_checks, "version", lambda name: "1.0" if name == "requests" else version(name)
    )
    finding = installation_checks.check_versions(DoctorContext(conn_id=CONN_ID))
    assert finding.level is Level.ERROR
    assert "requests 1.0 is not >=2.33" in finding.text


def test_missing_extra_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str:
        if name == "openpyxl":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(installation_checks, "version", find)
    text = installation_checks.check_extras(DoctorContext(conn_id=CONN_ID)).text
    assert text.endswith("Not installed: excel.")


def test_missing_plugin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.plugins_manager.get_plugin_info", lambda _: [{"name": "other"}])
    assert installation_checks.check_plugin(DoctorContext(conn_id=CONN_ID)).level is Level.ERROR


def test_failing_check_does_not_stop_the_others_and_hides_its_message() -> None:
    def fail(_: DoctorContext) -> Finding:
        raise RuntimeError("password=hunter2")

    def skip(_: DoctorContext) -> Finding:
        raise SkippedError("of a reason")

    good = Finding(check="good", level=Level.OK, text="Good.")
    checks = [Check("failing", fail), Check("skipping", skip), Check("good", lambda _: good)]
    failed, skipped, last = diagnose(CONN_ID, checks=checks)
    assert (failed.level, failed.text) == (Level.ERROR, "The check itself failed (RuntimeError).")
    assert (skipped.level, skipped.text) == (Level.SKIPPED, "Not checked: of a reason.")
    assert last is good


def test_check_that_hangs_is_given_up() -> None:
    released = threading.Event()

    def hang(_: DoctorContext) -> list[Finding]:
        released.wait()
        return []

    good = Finding(check="good", level=Level.OK, text="Good.")
    checks = [Check("hanging", hang), Check("good", lambda _: good)]
    try:
        hanging, last = diagnose(CONN_ID, checks=checks, timeout=0.05)
    finally:
        released.set()
    assert (hanging.level, hanging.text) == (Level.ERROR, "The check was given up after 0.05 s.")
    assert last is good


def test_secrets_are_in_no_finding(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = damstra_emulator.access_key
    damstra_emulator.add_fault("status", status=400, body={"error": f"bad request with {key}"})
    connect(monkeypatch, extra={"webhook_token": "w" * 43, "hash_key": "h" * 32})
    monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
    shown = str(list(diagnose(CONN_ID)))
    assert key not in shown
    assert "w" * 43 not in shown
    assert "h" * 32 not in shown
