"""The commands ``airflow damstra ...`` and ``damstra-emulator``, from their parsers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator

from airflow.cli.cli_config import ActionCommand, GroupCommand

from airflow_provider_damstra.cli import get_cli_commands
from airflow_provider_damstra.emulator.__main__ import add_options
from docs._extensions.markdown import blocks, code, codes, escape, table


def render_commands() -> str:
    """Return a section for each command of ``airflow damstra``."""
    return blocks(*(_section(name, command) for name, command in actions(get_cli_commands(), "airflow")))


def render_emulator_options() -> str:
    """Return the options of ``damstra-emulator``."""
    parser = argparse.ArgumentParser(prog="damstra-emulator")
    add_options(parser)
    return _arguments(parser)


def actions(
    commands: Iterable[ActionCommand | GroupCommand], parent: str
) -> Iterator[tuple[str, ActionCommand]]:
    """Yield the commands that have no subcommands, with their full names, in the order of the tree."""
    for command in commands:
        name = f"{parent} {command.name}"
        if isinstance(command, GroupCommand):
            yield from actions(command.subcommands, name)
        else:
            yield name, command


def _section(name: str, command: ActionCommand) -> str:
    parser = argparse.ArgumentParser(prog=name)
    for argument in command.args:
        argument.add_to_parser(parser)
    usage = parser.format_usage().removeprefix("usage: ")
    return blocks(
        f"## {name}",
        _prose(command.description or command.help),
        _output(usage),
        _arguments(parser),
        _output(command.epilog) if command.epilog else "",
    )


def _prose(text: str) -> str:
    """Return a text of ``--help`` as Markdown, with options in code font."""
    # The help formatter reads brackets as markup of rich, so they are escaped for it.
    text = text.replace(r"\[", "[")
    return re.sub(r"(?<![\w`-])(--[\w-]+)", r"`\1`", escape(text))


def _output(text: str) -> str:
    return f"```{{code-block}} text\n{text.strip()}\n```"


def _arguments(parser: argparse.ArgumentParser) -> str:
    rows = [_argument(action, parser.prog) for action in parser._actions if action.dest != "help"]
    return table(("argument", "value", "description"), rows) if rows else ""


def _argument(action: argparse.Action, prog: str) -> tuple[str, str, str]:
    value = codes(action.choices or [])
    if not value and action.nargs != 0 and action.option_strings:
        value = code(action.metavar or action.dest.upper())
    names = action.option_strings or [str(action.metavar or action.dest)]
    return codes(names), value, _prose((action.help or "") % {**vars(action), "prog": prog})
