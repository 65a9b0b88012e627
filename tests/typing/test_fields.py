"""Fields of models and endpoints have descriptions, types and snake_case names for editors."""

from __future__ import annotations

import inspect
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


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind: type[BaseModel]) -> None:
    assert [name for name, field in kind.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_is_any(kind: type[BaseModel]) -> None:
    assert [name for name, field in kind.model_fields.items() if "Any" in repr(field.annotation)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_signature_has_names_of_fields(kind: type[BaseModel]) -> None:
    accepted: set[Any] = set(inspect.signature(kind).parameters) - {"extra_data"}
    assert accepted == kind.model_fields.keys()
