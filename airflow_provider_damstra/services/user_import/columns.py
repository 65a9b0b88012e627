"""Columns of an HR extract: which field of a user each contains, which are ignored, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_damstra.endpoints.user import ImportedUser
from airflow_provider_damstra.input_files.columns import (
    NOT_SPLIT,
    column_label,
    is_not_split,
    looks_like_header,
    missing_column_message,
    nearest_name,
)
from airflow_provider_damstra.text import join_first

REQUIRED_FIELDS = ("first_name", "last_name")
_FIELDS = tuple(ImportedUser.model_fields)
_KNOWN_NAMES = ", ".join(_FIELDS)


class UserColumns:
    """Mapping of columns to fields of a user.

    :param mapped: the field of a user for each column that has another name.
    :param ignored: names of columns to leave out; ``""`` is a column without a name.
    :param extra: names of columns that must be there, although they contain no field of a user.
    :raises ValueError: if a field does not exist, or ``ignored`` is no list of names.
    """

    def __init__(self, mapped: Mapping[str, Any], ignored: Any = None, *, extra: Iterable[str] = ()) -> None:
        aliases = {
            alias: name
            for name, field in ImportedUser.model_fields.items()
            for alias in (name, field.serialization_alias or name)
        }
        unknown = [repr(field) for field in mapped.values() if str(field) not in aliases]
        if unknown:
            raise ValueError(f"columns: a user has no {' and no '.join(unknown)}; it has {_KNOWN_NAMES}")
        self._mapped = mapped
        self._fields = aliases | {column: aliases[str(field)] for column, field in mapped.items()}
        self.extra = tuple(extra)
        self._ignored = _parse_ignored(ignored or ()).union(self.extra)

    def validate_header(self, names: Sequence[str], *, match_by: str, location: str) -> None:
        """Check the columns of a file, before its rows are read.

        :param match_by: the field by which users are matched, which must have a column.
        :param location: where the names are in the file, such as ``line 1``.
        :raises ValueError: naming the columns that are unknown, missing, or contain the same field.
        """
        try:
            self._validate_names(names, match_by=match_by)
        except ValueError as error:
            raise ValueError(f"{location}: {error}") from None

    def _validate_names(self, names: Sequence[str], *, match_by: str) -> None:
        if not any(name in self._fields for name in names):
            raise ValueError(_describe_unknown_header(names, match_by=match_by))
        missing = [column for column in (*self._mapped, *self.extra) if column not in names]
        if missing:
            argument = "columns: " if missing[0] in self._mapped else ""
            raise ValueError(f"{argument}{missing_column_message(missing[:1], names)}")
        given = [name for name in names if name and name not in self._ignored]
        fields = self._unique_fields(given, names)
        required = [field for field in dict.fromkeys((match_by, *REQUIRED_FIELDS)) if field not in fields]
        if required:
            shown = f"; the file has {', '.join(map(repr, names))}" if looks_like_header(names) else ""
            raise ValueError(f"there is no column of {' and '.join(required)}{shown}")

    def needed(self, names: Iterable[str]) -> list[str]:
        """Return the columns that are not left out."""
        return [name for name in names if name in self.extra or name not in self._ignored]

    def rename(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a row by field.

        :raises ValueError: if a column is unknown, or two contain the same field.
        """
        given = [name for name in row if name not in self._ignored]
        fields = self._unique_fields(given, given)
        return {field: row[column] for field, column in fields.items()}

    def _unique_fields(self, given: Iterable[str], names: Sequence[str]) -> dict[str, str]:
        """Return the column of each field.

        :param names: all columns of the file, for messages.
        """
        columns: dict[str, str] = {}
        unknown: list[str] = []
        for name in given:
            field = self._fields.get(name)
            if field is None:
                unknown.append(name)
            elif field in columns:
                raise ValueError(f"has {field} twice, as {columns[field]} and as {name}")
            else:
                columns[field] = name
        if unknown:
            raise ValueError(_describe_unknown(unknown, names))
        return columns


def _describe_unknown_header(names: Sequence[str], *, match_by: str) -> str:
    expected = ", ".join(dict.fromkeys((match_by, *REQUIRED_FIELDS)))
    message = f"no header with names of a user's fields, such as {expected}"
    if is_not_split(names):
        return f"{message}; {NOT_SPLIT}"
    if not _is_surely_header(names, match_by=match_by):
        return (
            f"{message}; is it the right file? If its columns have other names, map them with columns, such "
            f"as columns={{'<name in the file>': '{match_by}'}}"
        )
    given = [name for name in names if name]
    shown = join_first([*map(repr, given)])
    return (
        f"{message}. The file has {shown}: map them with columns, such as "
        f"columns={{{given[0]!r}: '{match_by}'}}, and leave others out with ignored_columns; a user has "
        f"{_KNOWN_NAMES}"
    )


def _is_surely_header(names: Sequence[str], *, match_by: str) -> bool:
    """Return whether names are no row of a file without a header, although none of them is known.

    A row contains the value of ``match_by``: an employee number has digits, an e-mail address an ``@``. A
    user name can look like the name of a column.
    """
    has_digits = any(character.isdigit() for name in names for character in name)
    return match_by != "user_name" and not has_digits and looks_like_header(names)


def _describe_unknown(unknown: Sequence[str], names: Sequence[str]) -> str:
    problems = []
    for name in unknown:
        nearest = nearest_name(name, _FIELDS) if looks_like_header([name]) else None
        hint = f" (did you mean {nearest}?)" if nearest else ""
        problems.append(f"{column_label(name, names)}: no such column{hint}")
    return (
        f"{'; '.join(problems)}. A user has {_KNOWN_NAMES}; map other names with columns, or leave them out "
        "with ignored_columns"
    )


def _parse_ignored(ignored: Any) -> frozenset[str]:
    is_list = isinstance(ignored, (list, tuple, set, frozenset))
    if not is_list or not all(isinstance(name, str) for name in ignored):
        raise ValueError(f"ignored_columns is {ignored!r}; it is a list of names")
    return frozenset(ignored)
