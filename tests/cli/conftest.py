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
    """Run a command, such as ``run_command("inbox", "--limit", "1")``, and return its stdout and stderr."""

    def __call__(self, *arguments: str) -> tuple[str, str]: ...


@cache
def _parser() -> tuple[ArgumentParser, list[str]]:
    """Return the parser of Airflow's commands, and the arguments before a command of this provider."""
    if BEFORE_3_2:
        return cli.get_parser(), []
    from airflow.cli.cli_parser import get_parser

    return get_parser(), ["damstra"]


@pytest.fixture
def run_command(
    metadata_database: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunCommand:
    """Return a function that runs ``airflow damstra ...``."""
    # Airflow would log the command as an action, and check the version of Airflow's tables.
    monkeypatch.setenv("AIRFLOW__DATABASE__CHECK_MIGRATIONS", "False")

    def run(*arguments: str) -> tuple[str, str]:
        parser, prefix = _parser()
        args: Any = parser.parse_args([*prefix, *arguments])
        capsys.readouterr()
        args.func(args)
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run
