"""The commands for Airflow versions that do not load those of providers."""

from __future__ import annotations

from airflow_provider_damstra.cli import __main__ as cli
from airflow_provider_damstra.cli import get_cli_commands


def test_module_offers_all_commands() -> None:
    (group,) = get_cli_commands()
    for command in group.subcommands:
        namespace = cli.get_parser().parse_args([command.name])
        assert namespace.subcommand == command.name
        assert callable(namespace.func)
