"""The endpoints, models and errors of the API."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any, get_args, get_origin

from airflow_provider_damstra import endpoints, errors, models
from airflow_provider_damstra.endpoints.base import ListEndpoint
from docs._extensions.assignments import documented_assignments
from docs._extensions.docstrings import read_docstring
from docs._extensions.markdown import blocks, code, py_class, table

if TYPE_CHECKING:
    from pydantic import BaseModel

PACKAGE = "airflow_provider_damstra"


def render_operations() -> str:
    """Return a table of all operations of the API."""
    rows = [(f"[{name}](#{name.lower()})", code(f"{kind.method} {kind.path}")) for name, kind in _endpoints()]
    return table(("endpoint", "request"), rows)


def render_endpoints() -> str:
    """Return a section for each endpoint."""
    return blocks(*(_endpoint(name, kind) for name, kind in _endpoints()))


def render_models() -> str:
    """Return a section for each model and enumeration."""
    return blocks(*(_model(name, getattr(models, name)) for name in models.__all__))


def render_errors() -> str:
    """Return a section for each exception."""
    kinds = (kind for kind in vars(errors).values() if inspect.isclass(kind))
    return blocks(*(_error(kind) for kind in kinds if issubclass(kind, errors.DamstraError)))


def type_name(kind: Any) -> str:
    """Return a type as code has it, without the annotations that pydantic reads."""
    if kind is None or kind is type(None):
        return "None"
    if not get_args(kind):
        return getattr(kind, "__name__", repr(kind))
    if hasattr(kind, "__metadata__"):
        return type_name(get_args(kind)[0])
    parts = [repr(part) if isinstance(part, str | int) else type_name(part) for part in get_args(kind)]
    name = getattr(get_origin(kind), "__name__", "")
    if name in ("Union", "UnionType"):
        return " | ".join(dict.fromkeys(parts))
    return f"{name or 'Literal'}[{', '.join('...' if part == 'ellipsis' else part for part in parts)}]"


def _endpoints() -> list[tuple[str, Any]]:
    return [(name, getattr(endpoints, name)) for name in endpoints.__all__]


def _result(kind: Any) -> str:
    if issubclass(kind, ListEndpoint):
        return f"pages of {code(type_name(kind.row_type()))}"
    return code(type_name(kind.result_type()))


def _endpoint(name: str, kind: Any) -> str:
    locations, descriptions = kind.field_locations(), _field_descriptions(kind)
    rows = [
        (
            code(field),
            code(type_name(info.annotation)),
            "yes" if info.is_required() else "",
            locations[field],
            descriptions.get(field, ""),
        )
        for field, info in kind.model_fields.items()
    ]
    return blocks(
        f"## {name}",
        py_class(f"{PACKAGE}.endpoints.{name}"),
        read_docstring(kind).text,
        f"Request: {code(f'{kind.method} {kind.path}')}. Result: {_result(kind)}.",
        table(("argument", "type", "required", "sent in", "description"), rows) if rows else "",
    )


def _model(name: str, kind: Any) -> str:
    if issubclass(kind, Enum):
        members = table(("name", "value"), [(code(one.name), code(one.value)) for one in kind])
    else:
        members = _fields(kind)
    return blocks(f"## {name}", py_class(f"{PACKAGE}.models.{name}"), read_docstring(kind).text, members)


def _fields(kind: type[BaseModel]) -> str:
    descriptions = _field_descriptions(kind)
    rows = [
        (code(name), code(type_name(info.annotation)), descriptions.get(name, ""))
        for name, info in kind.model_fields.items()
    ]
    return table(("field", "type", "description"), rows) if rows else ""


def _field_descriptions(kind: type) -> dict[str, str]:
    """Return the documentation of the fields of a model and its base classes."""
    descriptions: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(PACKAGE) and "[" not in base.__name__:
            descriptions |= documented_assignments(inspect.getsource(base))
    return descriptions


def _error(kind: type[errors.DamstraError]) -> str:
    docstring = read_docstring(kind)
    attributes = [(code(name), text) for name, text in docstring.parameters.items()]
    bases = ", ".join(code(base.__name__) for base in kind.__bases__)
    return blocks(
        f"## {kind.__name__}",
        py_class(f"{kind.__module__}.{kind.__name__}"),
        docstring.text,
        f"Base: {bases}. Repeated by the clients: {'yes' if kind.is_transient else 'no'}.",
        f"Advice in the message: {kind.advice}" if kind.advice else "",
        table(("argument", "description"), attributes) if attributes else "",
    )
