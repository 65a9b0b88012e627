"""``python -m airflow_provider_damstra.cli``: the commands for Airflow before 3.2, which loads none."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import GroupCommand
from rich_argparse import RawTextRichHelpFormatter

from airflow_provider_damstra.cli import get_cli_commands

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.cli.cli_config import ActionCommand


def get_parser() -> argparse.ArgumentParser:
    """Return a parser of the arguments after ``airflow damstra``."""
    (group,) = get_cli_commands()
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}", description=group.help, formatter_class=RawTextRichHelpFormatter
    )
    _add_commands(parser, group.subcommands)
    return parser


def _add_commands(parser: argparse.ArgumentParser, commands: Iterable[ActionCommand | GroupCommand]) -> None:
    """Add commands, and those in groups, as Airflow's parser does."""
    subparsers: Any = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for command in commands:
        subparser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=command.description or command.help,
            epilog=command.epilog,
            formatter_class=RawTextRichHelpFormatter,
        )
        if isinstance(command, GroupCommand):
            _add_commands(subparser, command.subcommands)
            continue
        for argument in command.args:
            argument.add_to_parser(subparser)
        subparser.set_defaults(func=command.func)


def main() -> None:
    """Run a command."""
    namespace = get_parser().parse_args()
    namespace.func(namespace)


if __name__ == "__main__":
    main()
