"""``python -m airflow_provider_damstra.cli``: the commands where Airflow asks no provider (before 3.2)."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_damstra.cli import get_cli_commands

if TYPE_CHECKING:
    from collections.abc import Sequence


def get_parser() -> argparse.ArgumentParser:
    """Return what reads the words after ``airflow damstra``."""
    (group,) = get_cli_commands()
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=group.help)
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for command in group.subcommands:
        one = commands.add_parser(command.name, help=command.help, description=command.description)
        for argument in command.args:
            argument.add_to_parser(one)
        one.set_defaults(func=command.func)
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Run a command."""
    given = get_parser().parse_args(words)
    given.func(given)


if __name__ == "__main__":
    main()
