"""README and docs name commands and options that exist, and every command."""

from __future__ import annotations

import re

import pytest

from tests.cli.test_commands import COMMANDS
from tests.documentation.snippets import PAGES, ROOT

TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
USES = sorted(
    {
        (name, use.strip())
        for name, text in TEXTS.items()
        for use in re.findall(r"airflow damstra ([a-z][^`\n|]*)", text)
    }
)


def command_of(use: str) -> str:
    """Return the command that a text begins with, such as ``inbox list``."""
    found = [name for name in COMMANDS if f"{use} ".startswith(f"{name} ")]
    assert found, f"there is no command airflow damstra {use}"
    return found[0]


@pytest.mark.parametrize(("page", "use"), USES)
def test_documented_command_and_its_options_exist(page: str, use: str) -> None:
    command = COMMANDS[command_of(use)]
    flags = {flag for argument in command.args for flag in argument.flags}
    if command.name not in ("call", "emulator"):  # their options are generated
        assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", use)) <= flags, page


def test_every_command_is_documented() -> None:
    documented = {command_of(use) for _, use in USES}
    assert documented == set(COMMANDS)
