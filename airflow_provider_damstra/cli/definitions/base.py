"""Building blocks of command definitions, and the options that several commands have."""

from __future__ import annotations

import textwrap
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from airflow.cli.cli_config import (
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    GroupCommand,
    lazy_load_command,
)

COMMANDS_PACKAGE = "airflow_provider_damstra.cli.commands"
OUTPUT_FORMATS = ("table", "json", "yaml", "plain", "csv")
HELP_WIDTH = 90
OPTION_HELP_WIDTH = 65
"""Characters in a line: Airflow's help formatter does not wrap lines."""

EXIT_CODES = """\
exit codes:
  0  the command succeeded
  1  a call failed, or the command found a problem
  2  an argument is wrong, or a confirmation is needed: give --yes"""


def option(*flags: str, help: str, **options: Any) -> Arg:
    """Return an option, or a positional argument.

    :param flags: such as ``-y`` and ``--yes``.
    :param options: arguments of ``ArgumentParser.add_argument``.
    """
    text = _escape_markup(textwrap.fill(help, OPTION_HELP_WIDTH))
    return Arg(flags, help=text, **options)  # type: ignore[no-untyped-call]


def command(
    name: str,
    summary: str,
    description: str = "",
    *,
    function: str,
    examples: tuple[str, ...],
    arguments: tuple[Arg, ...] = (),
) -> ActionCommand:
    """Return a command.

    :param summary: one line for the list of commands.
    :param description: further sentences, below the summary.
    :param function: module and function in the package ``commands``, such as ``inbox.list_events``.
    :param examples: command lines, each beginning with ``airflow damstra``.
    """
    text = textwrap.fill(f"{summary}. {description}".strip(), HELP_WIDTH)
    lines = "\n".join(f"  {example}" for example in examples)
    return ActionCommand(
        name=name,
        help=_escape_markup(summary),
        description=_escape_markup(text),
        epilog=_escape_markup(f"examples:\n{lines}\n\n{EXIT_CODES}"),
        func=lazy_load_command(f"{COMMANDS_PACKAGE}.{function}"),
        args=(*arguments, ARG_VERBOSE),
    )


def group(name: str, summary: str, *subcommands: ActionCommand | GroupCommand) -> GroupCommand:
    """Return a group of commands."""
    return GroupCommand(name=name, help=_escape_markup(summary), subcommands=subcommands)


def _escape_markup(text: str) -> str:
    """Keep brackets, such as those of ``[damstra]``: the help formatter reads them as rich's markup."""
    return text.replace("[", r"\[")


MAX_COUNT = 2**31 - 1
MAX_ID = 2**63 - 1
"""The largest integer that databases store."""


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return the type of an option that is a whole number in a range."""

    def parse(text: str) -> int:
        # Not more digits than Python converts.
        if text.isascii() and text.isdigit() and len(text) <= 20 and minimum <= int(text) <= maximum:
            return int(text)
        raise ArgumentTypeError(f"{text!r} is not a whole number from {minimum} to {maximum}")

    return parse


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    """Return the type of an option that is a finite number in a range."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        # False for nan.
        if minimum <= value <= maximum:
            return value
        raise ArgumentTypeError(f"{text!r} is not a number from {minimum:g} to {maximum:g}")

    return parse


def file_format(*formats: str) -> Arg:
    """Return the option for the format of a file, whose default is the first format."""
    names = f"{', '.join(formats[:-1])} or {formats[-1]}"
    text = f"{names} (default: by the name of the file, else {formats[0]})"
    return option("--file-format", metavar="FORMAT", choices=formats, help=text)


CONN_ID = option("--conn-id", help="id of the connection (default: %(default)s)", default="damstra_default")
YES = option("-y", "--yes", help="do not ask for confirmation", action="store_true")
OUTPUT = option(
    "-o",
    "--output",
    help="output format: table, json, yaml, plain or csv (default: %(default)s)",
    metavar="FORMAT",
    choices=OUTPUT_FORMATS,
    default="table",
)
LIMIT = option(
    "--limit",
    help="maximum number of rows, 0 for all (default: %(default)s)",
    metavar="N",
    type=whole_number(0, MAX_COUNT),
    default=100,
)
