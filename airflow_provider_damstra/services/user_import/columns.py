"""Columns that a file from elsewhere has, read as members of a user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_damstra.endpoints.user import ImportedUser


def renamed(
    rows: Iterable[tuple[str, Any]], *, columns: Mapping[str, Any], ignored: Any = None
) -> Iterable[tuple[str, Any]]:
    """Return the rows with the API's names for what they hold.

    :param rows: each with where it stands, as ``read_rows`` yields them.
    :param columns: the member of a user for each column that has another name.
    :param ignored: names of columns that are of no interest.
    :raises ValueError: if a column is to become what a user does not have, or the ignored are no list.
    """
    return _renamed(rows, _members(columns), _listed(ignored or ()))


def _listed(ignored: Any) -> frozenset[str]:
    if not isinstance(ignored, (list, tuple, set, frozenset)) or not all(
        isinstance(one, str) for one in ignored
    ):
        raise ValueError(f"ignored_columns is {ignored!r}; it is a list of names")
    return frozenset(ignored)


def _members(columns: Mapping[str, Any]) -> dict[str, str]:
    names = _names()
    unknown = [repr(member) for member in columns.values() if str(member) not in names]
    if unknown:
        known = ", ".join(ImportedUser.model_fields)
        raise ValueError(f"columns: a user has no {' and no '.join(unknown)}; it has {known}")
    return {column: names[member] for column, member in columns.items()}


def _names() -> dict[str, str]:
    """Return a user's members in snake_case, by all names that they have."""
    fields = ImportedUser.model_fields
    return {alias: name for name, field in fields.items() for alias in (name, field.alias or name)}


def _renamed(
    rows: Iterable[tuple[str, Any]], members: Mapping[str, str], ignored: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    names = {**_names(), **members}
    for place, row in rows:
        if isinstance(row, Mapping):
            kept = {column: value for column, value in row.items() if column not in ignored}
            twice = _twice(kept, names)
            yield place, twice or {members.get(column, column): value for column, value in kept.items()}
        else:
            yield place, row


def _twice(row: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a row that names one member twice, or nothing."""
    found: dict[str, str] = {}
    for column in row:
        name = names.get(column, column)
        if name in found:
            return {"": f"has {name} twice, as {found[name]} and as {column}"}
        found[name] = column
    return {}
