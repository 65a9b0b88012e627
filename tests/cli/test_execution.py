"""Errors of commands become messages and exit codes, without secrets and control characters."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, mask_secret

from airflow_provider_damstra.cli.execution import CommandError, UsageError, airflow_command, usage_errors
from airflow_provider_damstra.errors import DamstraServerError
from airflow_provider_damstra.webhooks.database import InboxUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "the-key-of-this-test"


@pytest.fixture(autouse=True)
def _environment(metadata_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    mask_secret(SECRET)


@pytest.fixture(autouse=True)
def _restored_log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Restore the level of the root logger, which Airflow sets to DEBUG for ``--verbose``."""
    caplog.set_level(logging.INFO)


def run(error: BaseException | None, *, verbose: bool = False) -> None:
    @airflow_command(needs_database=False)
    def command(_: Namespace) -> None:
        if error:
            raise error

    command(Namespace(verbose=verbose))


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (CommandError("a finding"), 1, "a finding\n"),
        (UsageError("no such column"), 2, "no such column\n"),
        (DamstraServerError("GetUser failed"), 1, "GetUser failed\n"),
        (AirflowNotFoundException("no connection"), 1, "no connection\n"),
        (InboxUnavailableError("no table"), 1, "no table\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (KeyError("x"), 1, "Unexpected error of the type KeyError. --verbose shows where.\n"),
        (CommandError(f"key {SECRET}\x1b[2J\nnext"), 1, "key ***\\x1b[2J\nnext\n"),
    ],
)
def test_error_becomes_message_and_exit_code(
    error: BaseException, exit_code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(error)
    printed = capsys.readouterr()
    assert (ended.value.code, printed.err, printed.out) == (exit_code, message, "")


def test_verbose_shows_where_unexpected_error_was_raised_without_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        # A part of a key is not masked.
        run(RuntimeError(f"no port: {SECRET[:7]}"), verbose=True)
    printed = capsys.readouterr().err
    assert ", in command\n    raise error\n" in printed
    assert printed.endswith("Unexpected error of the type RuntimeError.\n")
    assert SECRET[:7] not in printed


def test_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stdout)
        with pytest.raises(BrokenPipeError):
            print("before", flush=True)
        run(BrokenPipeError())
        print("lost", flush=True)
    assert capsys.readouterr().err == ""


def test_only_plain_value_errors_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="lesson_ids"), usage_errors():
        raise ValueError("lesson_ids is empty")
    with pytest.raises(UnicodeDecodeError), usage_errors():
        b"\xff".decode()
