"""Fields of models and endpoints have descriptions, types and snake_case names for editors."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

import pytest
from pydantic import BaseModel

from airflow_provider_damstra import endpoints, models

KINDS: list[type[BaseModel]] = [
    kind
    for namespace in (models, endpoints)
    for kind in (getattr(namespace, name) for name in namespace.__all__)
    if issubclass(kind, BaseModel)
]


def described_fields(kind: type[BaseModel]) -> set[str]:
    """Return the fields with a docstring below them, in the class or a base class."""
    # A parametrised base class, such as Endpoint[User], has no source of its own.
    bases = [
        base
        for base in kind.__mro__
        if base.__module__.startswith("airflow_provider") and "[" not in base.__name__
    ]
    sources = map(inspect.getsource, bases)
    bodies = [ast.parse(textwrap.dedent(source)).body[0] for source in sources]
    return {
        field.target.id
        for body in bodies
        if isinstance(body, ast.ClassDef)
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_docstring(text)
    }


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind: type[BaseModel]) -> None:
    assert kind.model_fields.keys() - described_fields(kind) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_descriptions_are_not_read_from_source_files(kind: type[BaseModel]) -> None:
    # pydantic searches all loaded modules for each class: a second of CPU in every task.
    assert not kind.model_config.get("use_attribute_docstrings")


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_is_any(kind: type[BaseModel]) -> None:
    assert [name for name, field in kind.model_fields.items() if "Any" in repr(field.annotation)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_signature_has_names_of_fields(kind: type[BaseModel]) -> None:
    accepted: set[Any] = set(inspect.signature(kind).parameters) - {"extra_data"}
    assert accepted == kind.model_fields.keys()
