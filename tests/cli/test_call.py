"""airflow damstra call: options from the endpoint models, confirmation, files and secrets."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.cli.commands.call import operation_parser
from airflow_provider_damstra.cli.definitions.call import OPERATIONS
from airflow_provider_damstra.cli.operation_options import field_values
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.cli.conftest import FailCommand, RunCommand

GROUP = ("CreateGroup", "--name", "Crew C", "--description", "Relief")
CREATE = ("CreateUser", "--first-name", "Ann", "--last-name", "Lee", "--email-address", "ann@example.com")
CERTIFICATE = ("DownloadCertificate", "--lesson-schedule-id", "30001")
LOGIN_URL = ("GenerateLoginUrl", "--user-id", "1011", "--yes")


def test_all_operations_are_choices() -> None:
    assert sorted(OPERATIONS) == sorted(endpoints.__all__)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_has_described_option_for_each_field(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = operation_parser(name)
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    for field in getattr(endpoints, name).model_fields:
        (action,) = [action for action in parser._actions if action.dest == field]
        assert action.option_strings[0] in text
        assert action.help, f"{name}.{field} has no docstring"
    assert ("-y, --yes" in text) is (getattr(endpoints, name).method != "GET")


def test_values_are_parsed_by_type(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_bytes("\ufeffsecrét \r\na comment\n".encode())
    arguments = ["--roles", "trainee,5", "--send-welcome-email", "false", "--password-file", str(password)]
    values = field_values(endpoints.CreateUser, operation_parser("CreateUser").parse_args(arguments))
    call = endpoints.CreateUser.model_validate(values)
    assert (call.roles, call.send_welcome_email) == ((6, 5), False)
    assert call.password is not None
    assert call.password.get_secret_value() == "secrét "
    users = tmp_path / "users.json"
    users.write_text('[{"firstName": "Ann", "roles": [6]}]')
    arguments = ["--users", f"@{users}", "--merge-type", "empNo"]
    values = field_values(endpoints.BulkUserImport, operation_parser("BulkUserImport").parse_args(arguments))
    assert endpoints.BulkUserImport.model_validate(values).users[0].first_name == "Ann"


UPDATE = (
    *("--user-id", "1011", "--first-name", "Ann", "--last-name", "Lee", "--email-address", "ann@example.com"),
    *("--phone-number", "1", "--mobile-number", "2", "--roles", "trainee", "--time-zone", "UTC"),
)


def test_null_is_sent_for_a_required_field_and_text_in_a_query() -> None:
    namespace = operation_parser("UpdateUser").parse_args([*UPDATE, "--employee-number", "null"])
    values = field_values(endpoints.UpdateUser, namespace)
    assert values["employee_number"] is None
    namespace = operation_parser("ListUsers").parse_args(["--q", "null"])
    assert field_values(endpoints.ListUsers, namespace) == {"q": "null"}


@pytest.mark.usefixtures("damstra_emulator")
def test_result_is_json_with_names_of_api(run_command: RunCommand) -> None:
    user = json.loads(run_command("call", "GetUser", "--user-id", "1011")[0])
    assert (user["id"], user["lastName"]) == (1011, "Murphy")
    rows = json.loads(run_command("call", "ListUsers", "--q", "murphy")[0])
    assert rows == [user]
    text, hint = run_command("call", "ListUsers", "--limit", "2", "-o", "csv")
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == ["1001", "1002"]
    assert "--limit 0" in hint


def test_change_without_terminal_needs_yes(
    damstra_emulator: DamstraEmulator, run_command: RunCommand, fail_command: FailCommand
) -> None:
    message = fail_command("call", *GROUP, exit_code=2)
    assert message.startswith("Send CreateGroup (POST /group) to http://127.0.0.1")
    assert message.endswith("Nothing was changed: give --yes, as there is no terminal to ask at.")
    assert damstra_emulator.journal() == []
    group = json.loads(run_command("call", *GROUP, "--yes")[0])
    assert group["name"] == "Crew C"


@pytest.mark.parametrize(("answer", "is_sent"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_change_asks_at_terminal(
    answer: str,
    is_sent: bool,
    damstra_emulator: DamstraEmulator,
    run_command: RunCommand,
    fail_command: FailCommand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    if is_sent:
        assert "[y/N]" in run_command("call", *GROUP)[1]
    else:
        assert fail_command("call", *GROUP).endswith("Nothing was changed.")
    assert bool(damstra_emulator.journal("POST")) is is_sent


def test_void_operation_reports_success(damstra_emulator: DamstraEmulator, run_command: RunCommand) -> None:
    assert run_command("call", "InactivateUser", "--user-id", "1011", "--yes") == ("", "Done.\n")
    assert damstra_emulator.journal("POST", "/user/1011/inactivate")


def test_lost_response_of_change_is_reported_as_unknown(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand
) -> None:
    damstra_emulator.add_fault("status", path="/group", status=500, count=1)
    message = fail_command("call", *GROUP, "--yes")
    assert message.endswith(
        "It may have been carried out: look it up before you send it again, such as by airflow damstra "
        "groups list --conn-id damstra_default."
    )
    assert len(damstra_emulator.journal("POST")) == 1


def test_interrupted_change_is_reported_as_unknown(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = DamstraHook.call

    def interrupt(hook: DamstraHook, call: Any) -> None:
        send(hook, call)
        raise KeyboardInterrupt

    monkeypatch.setattr(DamstraHook, "call", interrupt)
    message = fail_command("call", *GROUP, "--yes", exit_code=130)
    assert message == (
        "Interrupted while CreateGroup (POST /group) was sent. It may have been carried out: look it up "
        "before you send it again, such as by airflow damstra groups list --conn-id damstra_default."
    )
    assert damstra_emulator.journal("POST", "/group")
    assert fail_command("call", "GetGroup", "--group-id", "102", exit_code=130) == "Interrupted."


@pytest.mark.usefixtures("damstra_emulator")
@pytest.mark.parametrize("call", [CERTIFICATE, LOGIN_URL], ids=["file", "secret"])
def test_file_and_secret_are_written_to_file_of_owner(
    call: tuple[str, ...], run_command: RunCommand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_command("call", *call)
    assert "--file" in capsys.readouterr().err
    path = tmp_path / "result"
    output, hint = run_command("call", *call, "--file", str(path))
    content = path.read_bytes()
    assert content.startswith((b"%PDF", b"http"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert output == ""
    assert hint == f"{len(content)} bytes are written to {path}.\n"


@pytest.mark.usefixtures("damstra_emulator")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("GetUser", "--user-id", "x"), "user_id: Input should be a valid integer"),
        (("SaveIltSessionProgress", "--ilt-session-id", "401", "--attendees", "{"), "attendees is not JSON"),
        (("BulkUserImport", "--users", "@/nowhere"), "users: /nowhere cannot be read: No such file"),
        (
            ("BulkUserImport", "--users", '[{"firstName": null}]', "--merge-type", "empNo"),
            "users: firstName: null is not sent for an optional field; leave it out.",
        ),
        (
            (*GROUP, "--parent-id", "null"),
            "parent_id: null is not sent for an optional field; leave it out.",
        ),
        ((*CREATE, "--password-file", "/dev/null"), "password: the first line of /dev/null is empty"),
        (
            (*CREATE, "--password-file", "/bin/sh"),
            "password: /bin/sh cannot be read: it is not text in UTF-8",
        ),
        ((*CERTIFICATE, "--file", "/"), "--file is '/'; it is the path or URL of a file"),
        (("UpdateUser", "--user-id", "1011"), "the following arguments are required: --first-name"),
        (("GetNothing",), "invalid choice: 'GetNothing'"),
    ],
    ids=[
        *("type", "json", "missing-file", "null-member", "null", "empty-secret", "binary-secret", "folder"),
        *("missing-options", "operation"),
    ],
)
def test_wrong_usage_has_exit_code_2(
    arguments: tuple[str, ...], message: str, fail_command: FailCommand
) -> None:
    assert message in re.sub(r"\s+", " ", fail_command("call", *arguments, exit_code=2))
