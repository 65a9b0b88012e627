"""``python -m airflow_provider_damstra.cli``: the commands for Airflow before 3.2, which loads none."""

from __future__ import annotations

import argparse

from airflow_provider_damstra.cli import get_cli_commands


def get_parser() -> argparse.ArgumentParser:
    """Return a parser of the arguments after ``airflow damstra``."""
    (group,) = get_cli_commands()
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=group.help)
    subparsers = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for command in group.subcommands:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.description)
        for argument in command.args:
            argument.add_to_parser(subparser)
        subparser.set_defaults(func=command.func)
    return parser


def main() -> None:
    """Run a command."""
    namespace = get_parser().parse_args()
    namespace.func(namespace)


if __name__ == "__main__":
    main()
