"""docs/events.md documents the options, commands and events that exist. Its examples: tests/documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_damstra.assets import (
    EVENT_NAMES,
    TRAINING_EVENTS,
    EventName,
    TrainingEvent,
    damstra_event,
)
from airflow_provider_damstra.cli import get_cli_commands
from airflow_provider_damstra.get_provider_info import CONFIGURATION

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "events.md").read_text()
README = (ROOT / "README.md").read_text()
OPTIONS: dict[str, Any] = CONFIGURATION["damstra"]["options"]


def test_documented_options_and_defaults_are_the_declared_ones() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE.partition("## Configuration")[2], re.M)
    documented = dict(rows[: len(OPTIONS)])
    assert list(documented) == list(OPTIONS)
    del documented["receiver_url"]  # its default is another option
    assert documented == {name: OPTIONS[name]["default"] or "none" for name in documented}


@pytest.mark.parametrize("text", [PAGE, README])
def test_documented_commands_and_flags_exist(text: str) -> None:
    (group,) = get_cli_commands()
    commands: dict[str, Any] = {command.name: command for command in group.subcommands}
    assert set(re.findall(r"airflow damstra ([\w-]+)", text)) <= commands.keys()
    for name, flag in re.findall(r"`airflow damstra ([\w-]+)[^`]*? (--[\w-]+)", text):
        assert any(flag in argument.flags for argument in commands[name].args)


def test_readme_documents_every_command() -> None:
    (group,) = get_cli_commands()
    assert all(f"`airflow damstra {command.name}`" in README for command in group.subcommands)


@pytest.mark.parametrize("name", [*EVENT_NAMES, *TRAINING_EVENTS])
def test_event_is_documented_with_its_asset(name: EventName | TrainingEvent) -> None:
    assert f"`{name}`" in PAGE
    assert damstra_event(name).uri == f"damstra://damstra_default/{name}"


def test_links_have_targets() -> None:
    lines = [line.strip("# ") for line in PAGE.splitlines() if line.startswith("#")]
    headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}
    for path, anchor in re.findall(r"\]\(([^)#]*)(?:#([\w-]+))?\)", PAGE):
        assert (ROOT / "docs" / path).exists() if path else anchor in headings
    for anchor in re.findall(r"docs/events\.md#([\w-]+)", README):
        assert anchor in headings
