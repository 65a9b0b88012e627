"""Airflow's command line in this process, with a metadata database of the test's own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_damstra.cli import __main__ as cli
from tests.airflow_compat import BEFORE_3_2

# What the receiver's tests have made for themselves.
from tests.webhooks.conftest import (  # noqa: F401
    _empty_metadata,
    _running_receiver,
    metadata_database,
    receiver,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from pathlib import Path


class Damstra(Protocol):
    """Runs a command, such as ``damstra("inbox", "--limit", "1")``, and returns its output and errors."""

    def __call__(self, *words: str) -> tuple[str, str]: ...


@cache
def _parser() -> tuple[ArgumentParser, list[str]]:
    """Return what reads a command, and what comes before the words of one of Damstra's."""
    if BEFORE_3_2:
        return cli.get_parser(), []
    from airflow.cli.cli_parser import get_parser

    return get_parser(), ["damstra"]


@pytest.fixture
def damstra(
    metadata_database: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Damstra:
    """Return what runs ``airflow damstra ...``."""
    # Airflow would write the start of a command into its log of actions, and check its own tables' version.
    monkeypatch.setenv("AIRFLOW__DATABASE__CHECK_MIGRATIONS", "False")

    def run(*words: str) -> tuple[str, str]:
        parser, before = _parser()
        args: Any = parser.parse_args([*before, *words])
        capsys.readouterr()
        args.func(args)
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run
