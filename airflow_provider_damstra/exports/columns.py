"""A row as cells of a table: one column for each member that the models know, one for all others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_provider_damstra.endpoints.base import refusal
from airflow_provider_damstra.errors import DamstraResponseError

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.resources import Resource

OTHERS = "other_members"
"""The last column: a JSON object of the members that this provider does not know."""


def columns_of(resource: Resource) -> tuple[str, ...]:
    """Return the names of a resource's columns, in order."""
    parent = (resource.parent_argument,) if resource.adds_parent else ()
    return (*parent, *resource.model.model_fields, OTHERS)


def cells_of(resource: Resource, row: bytes) -> list[str]:
    """Return a row's cells as texts, in the order of its columns; what is absent is empty.

    Moments are UTC (``2026-01-31T09:00:00.000Z``); lists are JSON.

    :raises DamstraResponseError: if a member is of another type than documented.
    """
    try:
        read = resource.model.model_validate_json(row)
    except ValidationError as error:
        why = refusal(error)
    else:
        others = dict(read.model_extra or {})
        parent = [others.pop(resource.parent_member)] if resource.adds_parent else []
        known = [getattr(read, name) for name in resource.model.model_fields]
        return [_text(cell) for cell in (*parent, *known, others or None)]
    # Out here, so that the error does not carry pydantic's, which shows what came.
    raise DamstraResponseError(
        f"a row of {resource.name} cannot be put into columns ({why}). JSON lines take every row as it comes."
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
