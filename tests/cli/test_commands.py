"""The commands are the same, whoever reads them."""

from __future__ import annotations

from airflow_provider_damstra.cli import __main__ as cli
from airflow_provider_damstra.cli import get_cli_commands


def test_python_runs_what_airflow_runs() -> None:
    (group,) = get_cli_commands()
    for command in group.subcommands:
        given = cli.get_parser().parse_args([command.name])
        assert given.subcommand == command.name
        assert callable(given.func)
