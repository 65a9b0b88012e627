"""Airflow's command line in this process, with a metadata database per test."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_damstra.cli import __main__ as cli
from tests.airflow_compat import BEFORE_3_2

# Fixtures of the receiver's tests.
from tests.webhooks.conftest import (  # noqa: F401
    _empty_metadata,
    _running_receiver,
    metadata_database,
    receiver,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from pathlib import Path


class RunCommand(Protocol):
    """Run a command, such as ``run_command("inbox", "list")``, and return its stdout and stderr."""

    def __call__(self, *arguments: str) -> tuple[str, str]: ...


class FailCommand(Protocol):
    """Run a command that fails, and return the message on stderr."""

    def __call__(self, *arguments: str, exit_code: int = 1) -> str: ...


@cache
def _parser() -> tuple[ArgumentParser, list[str]]:
    """Return the parser of Airflow's commands, and the arguments before a command of this provider."""
    if BEFORE_3_2:
        return cli.get_parser(), []
    from airflow.cli.cli_parser import get_parser

    return get_parser(), ["damstra"]


def parse_arguments(*arguments: str) -> Any:
    """Return the namespace of the arguments after ``airflow damstra``."""
    parser, prefix = _parser()
    return parser.parse_args([*prefix, *arguments])


@pytest.fixture
def run_command(
    metadata_database: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunCommand:
    """Return a function that runs ``airflow damstra ...``."""
    # Airflow would log the command as an action, and check the version of Airflow's tables.
    monkeypatch.setenv("AIRFLOW__DATABASE__CHECK_MIGRATIONS", "False")
    # A command sets it; it is unset after the test.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")

    def run(*arguments: str) -> tuple[str, str]:
        args = parse_arguments(*arguments)
        capsys.readouterr()
        args.func(args)
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run


@pytest.fixture
def fail_command(run_command: RunCommand, capsys: pytest.CaptureFixture[str]) -> FailCommand:
    """Return a function that runs ``airflow damstra ...`` and checks its exit code."""

    def fail(*arguments: str, exit_code: int = 1) -> str:
        with pytest.raises(SystemExit) as ended:
            run_command(*arguments)
        message = capsys.readouterr().err
        assert ended.value.code == exit_code, message
        assert "Traceback" not in message
        return message.removesuffix("\n")

    return fail
