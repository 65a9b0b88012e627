"""The README names every operator and sensor and is short; pages document every extra and exception."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import airflow_provider_damstra.operators
import airflow_provider_damstra.sensors
import airflow_provider_damstra.transfers
from airflow_provider_damstra import errors
from airflow_provider_damstra.hooks.connection import DamstraConnectionExtra

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONNECTION_PAGE = (ROOT / "docs" / "how-to" / "connection.md").read_text()
CALLS_PAGE = (ROOT / "docs" / "concepts" / "calls.md").read_text()
OVERVIEW_PAGE = (ROOT / "docs" / "reference" / "overview.md").read_text()
MAX_LINES = 150
MAX_PICTURE_BYTES = 200_000
FIRST_SCREEN = "\n".join(README.splitlines()[:15])


def public_modules() -> list[str]:
    """Return the names of the modules of all operators, sensors and transfers."""
    packages = (
        airflow_provider_damstra.operators,
        airflow_provider_damstra.sensors,
        airflow_provider_damstra.transfers,
    )
    return [
        f"{package.__name__}.{module.name}"
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
        if module.name != "base"
    ]


def public_classes() -> list[str]:
    """Return the names of all operators, sensors and transfers."""
    classes = {
        name
        for module in public_modules()
        for name, _ in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if name.startswith("Damstra") and name.endswith(("Operator", "Sensor"))
    }
    return sorted(classes - {"DamstraOperator", "DamstraSensor"})


def test_public_operators_sensors_and_transfers_are_found() -> None:
    assert len(public_classes()) == 28 + 6 + 6


@pytest.mark.parametrize("name", public_classes())
def test_every_operator_and_sensor_is_in_readme(name: str) -> None:
    assert any(f"`{name}`" in line for line in README.splitlines() if line.startswith("|"))
    assert name in OVERVIEW_PAGE


@pytest.mark.parametrize("name", DamstraConnectionExtra.model_fields)
def test_every_connection_extra_is_documented(name: str) -> None:
    assert f"| extra `{name}` |" in CONNECTION_PAGE


@pytest.mark.parametrize(
    "name",
    [name for name, kind in vars(errors).items() if inspect.isclass(kind) and name.startswith("Damstra")],
)
def test_every_exception_is_documented(name: str) -> None:
    assert name == "DamstraError" or f"| `{name}` |" in CALLS_PAGE


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_readme_starts_with_commands(command: str) -> None:
    assert command in FIRST_SCREEN


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size < MAX_PICTURE_BYTES for picture in pictures)
