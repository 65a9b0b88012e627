"""Operators, sensors, transfers and triggers, with their arguments and XComs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from airflow_provider_damstra import arguments
from airflow_provider_damstra.get_provider_info import get_provider_info
from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.sensors.base import DamstraSensor
from docs._extensions.assignments import documented_assignments
from docs._extensions.docstrings import read_docstring
from docs._extensions.markdown import blocks, code, codes, py_class, table

PACKAGE = "airflow_provider_damstra"
_BASES = (DamstraOperator, DamstraSensor)


def render_operators() -> str:
    """Return the operators that call Damstra Learning, and the arguments that all have."""
    return blocks(_section(DamstraOperator), *_sections(_modules_of("operators")))


def render_sensors() -> str:
    """Return the sensors, and the arguments that all have."""
    return blocks(_section(DamstraSensor), *_sections(_modules_of("sensors")))


def render_triggers() -> str:
    """Return the triggers."""
    return blocks(*_sections(_modules_of("triggers")))


def render_transfers() -> str:
    """Return the operators that export records."""
    return blocks(*_sections(entry["python-module"] for entry in get_provider_info()["transfers"]))


def render_argument_types() -> str:
    """Return the types that arguments have in the tables."""
    types = documented_assignments(inspect.getsource(arguments))
    return table(("type", "values"), [(code(name), text) for name, text in types.items()])


def public_classes(module: ModuleType) -> list[Any]:
    """Return the public classes that a module defines, in its order."""
    return [
        kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and name.startswith("Damstra") and kind.__module__ == module.__name__
    ]


def _modules_of(kind: str) -> list[str]:
    return [name for entry in get_provider_info()[kind] for name in entry["python-modules"]]


def _sections(modules: Iterable[str]) -> list[str]:
    return [_section(kind) for name in modules for kind in public_classes(importlib.import_module(name))]


def _section(kind: Any) -> str:
    docstring = read_docstring(kind)
    return blocks(
        f"## {kind.__name__}",
        py_class(f"{kind.__module__}.{kind.__qualname__}"),
        docstring.text,
        _arguments(kind),
        _templated_fields(kind),
        _xcoms(kind),
        docstring.returns and f"**Returns** {docstring.returns}",
        "\n".join(f"- **Raises** {code(name)} {text}" for name, text in docstring.raises),
    )


def _arguments(kind: Any) -> str:
    """Return a table of the arguments, without those of a base class that has a section of its own."""
    parameters, descriptions, end = documented_arguments(kind)
    rows = [
        (code(name), _type_and_default(parameters[name]), text)
        for name, text in descriptions.items()
        if name in parameters
    ]
    further = f"Further arguments are those of {code(end.__name__)}." if end else ""
    return blocks(table(("argument", "type and default", "description"), rows), further)


def documented_arguments(kind: Any) -> tuple[dict[str, inspect.Parameter], dict[str, str], type | None]:
    """Return the arguments of a class by name, their descriptions, and the base class with further ones."""
    parameters: dict[str, inspect.Parameter] = {}
    descriptions: dict[str, str] = {}
    for base in kind.__mro__:
        if (base in _BASES and base is not kind) or not base.__module__.startswith(PACKAGE):
            return parameters, descriptions, base if base is not object else None
        descriptions = {**read_docstring(base).parameters, **descriptions}
        for parameter in inspect.signature(vars(base).get("__init__", _no_arguments)).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                parameters.setdefault(parameter.name, parameter)
    raise AssertionError(f"{kind} has no base class")


def _no_arguments() -> None:
    """Stand for a class without an ``__init__`` of its own."""


def _type_and_default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return f"{code(parameter.annotation)}, required"
    return f"{code(parameter.annotation)} = {code(repr(parameter.default))}"


def _templated_fields(kind: Any) -> str:
    names = getattr(kind, "template_fields", ())
    return f"**Templated** {codes(names)}." if names else ""


def _xcoms(kind: Any) -> str:
    keys = getattr(kind, "xcom_keys", ())
    return f"**XComs** `return_value` and, if the result has them, {codes(keys)}." if keys else ""
