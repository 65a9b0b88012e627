"""The site documents every public name, argument, extra, option, metric and command."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, get_args

import pytest

from airflow_provider_damstra import endpoints, models
from airflow_provider_damstra.cli import get_cli_commands
from airflow_provider_damstra.emulator.server import CONTROL_ROUTERS
from airflow_provider_damstra.get_provider_info import CONFIGURATION
from airflow_provider_damstra.hooks import metrics
from airflow_provider_damstra.hooks.connection import DamstraConnectionExtra
from docs._extensions.commands import actions
from docs._extensions.generated_pages import GENERATORS, expand
from docs._extensions.operators import documented_arguments
from tests.documentation.snippets import PAGES, ROOT
from tests.test_imports import PACKAGE
from tests.test_public_names import ERRORS, OPERATORS, OTHERS, SENSORS, public_object

NAMES = [
    *(
        f"{module}.{name}"
        for table in (OPERATORS, SENSORS, OTHERS)
        for module in table
        for name in table[module]
    ),
    *(f"errors.{name}" for name in sorted(ERRORS)),
    *(f"endpoints.{name}" for name in endpoints.__all__),
    *(f"models.{name}" for name in models.__all__),
]
TASKS = [(module, name) for table in (OPERATORS, SENSORS) for module in table for name in table[module]]


@cache
def reference(name: str) -> str:
    """Return a page of the reference with its generated parts."""
    return expand((ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8"))


@cache
def whole_reference() -> str:
    """Return all pages of the reference."""
    return "\n".join(reference(page.stem) for page in PAGES if page.parent.name == "reference")


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_documented(name: str) -> None:
    full_name = re.escape(f"airflow_provider_damstra.{name}")
    directive = r"(?:```\{py:\w+\}|\.\. auto\w+::)"
    assert re.search(rf"^{directive} {full_name}$", whole_reference(), re.M)


@pytest.mark.parametrize(("module", "name"), TASKS, ids=[name for _, name in TASKS])
def test_every_argument_is_described(module: str, name: str) -> None:
    parameters, descriptions, _ = documented_arguments(public_object(module, name))
    assert parameters
    assert parameters.keys() <= descriptions.keys()
    assert all(descriptions.values())


@pytest.mark.parametrize("name", DamstraConnectionExtra.model_fields)
def test_connection_extra_is_documented(name: str) -> None:
    assert f"| `{name}` |" in reference("connection")


@pytest.mark.parametrize(
    ("section", "name"), [(one, key) for one in CONFIGURATION for key in CONFIGURATION[one]["options"]]
)
def test_option_is_documented(section: str, name: str) -> None:
    assert f"\n### {name}\n" in reference("configuration")
    assert f"`AIRFLOW__{section.upper()}__{name.upper()}`" in reference("configuration")


def test_every_metric_is_documented() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))
    sent = set(re.findall(r"""\.(?:incr|timing|gauge)\(\s*f?["'](damstra\.[^"']+)""", sources))
    names = {name.replace("{outcome}", one) for name in sent for one in get_args(metrics.EventOutcome)}
    assert {"damstra.api.request", "damstra.waits", "damstra.webhooks.confirmed"} <= names
    assert names == set(re.findall(r"^\| `(damstra[^`]+)` \|", reference("metrics"), re.M))


def test_every_command_is_documented_with_its_arguments() -> None:
    sections: dict[str, str] = dict(
        re.findall(r"^## (airflow .*)\n((?:(?!## ).*\n?)*)", reference("commands"), re.M)
    )
    commands: dict[str, Any] = dict(actions(get_cli_commands(), "airflow"))
    assert sections.keys() == commands.keys()
    for name, command in commands.items():
        flags = [flag for argument in command.args for flag in argument.flags if flag.startswith("--")]
        assert all(f"`{flag}`" in sections[name] for flag in flags if flag != "--emulator-options"), name


def test_every_route_of_the_control_plane_is_documented() -> None:
    paths = {route.path for router in CONTROL_ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    assert paths == set(re.findall(r"^\| `[A-Z]+ (\S+)` \|", reference("emulator"), re.M))


def test_every_generated_part_is_on_a_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert sorted(re.findall(r"^<!-- generated: (.+) -->$", pages, re.M)) == sorted(GENERATORS)
