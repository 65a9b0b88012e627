"""The README names all there is to use, and its first screen holds the two commands."""

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

README = (Path(__file__).parent.parent / "README.md").read_text()
FIRST_SCREEN = "\n".join(README.splitlines()[:15])


def public_classes() -> list[str]:
    """Return the operators and sensors that people import."""
    packages = (
        airflow_provider_damstra.operators,
        airflow_provider_damstra.sensors,
        airflow_provider_damstra.transfers,
    )
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
        if module.name != "base"
    ]
    classes = {
        name
        for module in modules
        for name, _ in inspect.getmembers(module, inspect.isclass)
        if name.startswith("Damstra") and name.endswith(("Operator", "Sensor"))
    }
    return sorted(classes - {"DamstraOperator", "DamstraSensor"})


def test_there_are_all_the_operators_and_sensors_that_dags_hold() -> None:
    assert len(public_classes()) == 26 + 5 + 3


@pytest.mark.parametrize("name", public_classes())
def test_every_operator_and_sensor_is_in_a_table(name: str) -> None:
    rows = [
        line for line in README.splitlines() if line.startswith("|") or line.startswith("`operators.call")
    ]
    assert any(name in row for row in rows)


@pytest.mark.parametrize("name", DamstraConnectionExtra.model_fields)
def test_every_extra_of_the_connection_is_described(name: str) -> None:
    assert f"| extra `{name}` |" in README


@pytest.mark.parametrize(
    "name",
    [name for name, kind in vars(errors).items() if inspect.isclass(kind) and name.startswith("Damstra")],
)
def test_every_exception_is_described(name: str) -> None:
    assert name == "DamstraError" or f"| `{name}` |" in README


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_first_screen_holds_the_two_commands(command: str) -> None:
    assert command in FIRST_SCREEN
