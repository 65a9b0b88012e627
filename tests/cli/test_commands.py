"""All commands: their help, examples and exit codes, also where Airflow does not load those of providers."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from airflow.cli.cli_config import ActionCommand, GroupCommand

from airflow_provider_damstra.cli import __main__ as cli
from airflow_provider_damstra.cli import get_cli_commands
from airflow_provider_damstra.cli.definitions.base import EXIT_CODES, HELP_WIDTH
from tests.cli.conftest import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk(group: GroupCommand, *path: str) -> Iterator[tuple[tuple[str, ...], ActionCommand]]:
    for command in group.subcommands:
        if isinstance(command, GroupCommand):
            yield from walk(command, *path, command.name)
        else:
            yield (*path, command.name), command


(GROUP,) = get_cli_commands()
COMMANDS = {" ".join(path): command for path, command in walk(GROUP)}


def examples_of(command: ActionCommand) -> list[str]:
    found: list[str] = re.findall(r"^  airflow damstra (.*)$", command.epilog or "", re.M)
    return found


EXAMPLES = [(name, example) for name, command in COMMANDS.items() for example in examples_of(command)]


def help_of(name: str, parse: Any, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        parse([*name.split(), "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_and_exit_codes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examples_of(COMMANDS[name])
    text = help_of(name, lambda arguments: parse_arguments(*arguments), capsys)
    assert EXIT_CODES in text
    # Brackets would be missing if the formatter had read them as markup.
    for line in (COMMANDS[name].description or "").replace("\\[", "[").splitlines():
        assert line in text
        assert len(line) <= HELP_WIDTH
    # The module for Airflow before 3.2 has the same commands.
    assert EXIT_CODES in help_of(name, cli.get_parser().parse_args, capsys)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_example_has_valid_arguments(name: str, example: str) -> None:
    assert example.startswith(name)
    namespace = parse_arguments(*shlex.split(example))
    assert callable(namespace.func)
    assert cli.get_parser().parse_args(shlex.split(example)).func is namespace.func
