"""Users of an HR extract: read from CSV, JSON lines or a list, and validated before anything is sent."""

from __future__ import annotations

import csv
import io
import json
import re
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.endpoints.user import ImportedUser
from airflow_provider_damstra.models.user import Role
from airflow_provider_damstra.validation_errors import format_validation_error

_MAX_PROBLEMS_SHOWN = 20
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_REQUIRED = ("first_name", "last_name")

LocatedRow = tuple[str, Any]
"""A row with its location in the file, such as ``line 3``; a ``ValueError`` if it cannot be read."""


def read_rows(content: bytes, *, name: str) -> Iterator[LocatedRow]:
    """Yield the rows of a file.

    :param content: CSV with a header line, or JSON lines if the name ends in ``.jsonl``, ``.ndjson`` or
        ``.json``.
    :param name: name of the file.
    :raises ValueError: if it is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: it is not UTF-8 ({error}): save it as CSV UTF-8") from None
    is_json = name.lower().endswith((".jsonl", ".ndjson", ".json"))
    return _read_json_lines(text) if is_json else _read_csv(text)


def parse_users(
    rows: Iterable[LocatedRow], *, match_by: str, columns: Mapping[str, Any], ignored_columns: Any = None
) -> list[ImportedUser]:
    """Return the rows as users to import.

    :param match_by: the field by which Damstra matches users; each row must have it, no two the same.
    :param columns: the field of a user for each column that has another name.
    :param ignored_columns: names of columns to leave out.
    :raises ValueError: naming every row that is wrong and why, or the columns that are wrong.
    """
    users: list[ImportedUser] = []
    problems: list[str] = []
    locations: dict[str, str] = {}
    fields, ignored = _fields_by_column(columns), _validate_names(ignored_columns or ())
    for location, row in rows:
        try:
            renamed = _rename_columns(row, fields, mapped=columns, ignored=ignored)
            user = _parse_user(renamed, match_by=match_by)
        except ValueError as error:
            problems.append(f"{location}: {error}")
            continue
        key = str(getattr(user, match_by)).casefold()
        if key in locations:
            problems.append(f"{location}: the same {match_by} as {locations[key]}")
        locations.setdefault(key, location)
        users.append(user)
    if problems:
        hidden = len(problems) - _MAX_PROBLEMS_SHOWN
        shown = [*problems[:_MAX_PROBLEMS_SHOWN], *([f"and {hidden} more"] if hidden > 0 else [])]
        raise ValueError("\n  ".join([f"{len(problems)} bad rows, no user was imported:", *shown]))
    return users


def _read_json_lines(text: str) -> Iterator[LocatedRow]:
    # Not splitlines(), which also splits at characters that may occur inside JSON strings.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError as error:
                yield f"line {number}", ValueError(f"is not JSON ({error})")


def _read_csv(text: str) -> Iterator[LocatedRow]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    counts = Counter(_normalize_column(name) for name in reader.fieldnames or ())
    duplicates = [name for name, count in counts.items() if count > 1]
    if duplicates:
        yield "line 1", ValueError(f"has more than one column {', '.join(duplicates)}")
        return
    try:
        for row in reader:
            yield f"line {reader.line_num}", _parse_cells(row)
    except csv.Error as error:
        # DictReader counts a line only when its row is complete; the inner reader is at the bad line.
        yield f"line {reader.reader.line_num}", ValueError(error)


def _normalize_column(name: str) -> str:
    return to_camel(name.strip()) if "_" in name else name.strip()


def _parse_cells(row: dict[str | None, Any]) -> dict[str, Any] | ValueError:
    """Return the cells that are not empty. An empty one leaves the value in Damstra unchanged."""
    if None in row:
        return ValueError(f"has {len(row[None])} more cells than the header")
    if None in row.values():
        return ValueError("has fewer cells than the header")
    return {str(name).strip(): value.strip() for name, value in row.items() if value.strip()}


def _validate_names(ignored: Any) -> frozenset[str]:
    is_list = isinstance(ignored, (list, tuple, set, frozenset))
    if not is_list or not all(isinstance(name, str) for name in ignored):
        raise ValueError(f"ignored_columns is {ignored!r}; it is a list of names")
    return frozenset(ignored)


def _fields_by_column(columns: Mapping[str, Any]) -> dict[str, str]:
    """Return the field of a user, in snake_case, by its names and by the columns that are mapped to it."""
    fields = {
        alias: name
        for name, field in ImportedUser.model_fields.items()
        for alias in (name, field.alias or name)
    }
    unknown = [repr(field) for field in columns.values() if str(field) not in fields]
    if unknown:
        known = ", ".join(ImportedUser.model_fields)
        raise ValueError(f"columns: a user has no {' and no '.join(unknown)}; it has {known}")
    return fields | {column: fields[field] for column, field in columns.items()}


def _rename_columns(
    row: Any, fields: Mapping[str, str], *, mapped: Mapping[str, Any], ignored: frozenset[str]
) -> dict[str, Any]:
    """Return a row with the fields that columns are mapped to; other names stay, for error messages.

    :raises ValueError: if the row could not be read, or has one field twice.
    """
    if isinstance(row, ValueError):
        raise row
    if not isinstance(row, Mapping):
        raise ValueError(f"is a {type(row).__name__}, not names and values")
    columns: dict[str, str] = {}
    renamed: dict[str, Any] = {}
    for column, value in row.items():
        if column in ignored:
            continue
        field = fields.get(column, column)
        if field in columns:
            raise ValueError(f"has {field} twice, as {columns[field]} and as {column}")
        columns[field] = column
        renamed[field if column in mapped else column] = value
    return renamed


def _parse_user(row: dict[str, Any], *, match_by: str) -> ImportedUser:
    try:
        user = ImportedUser.model_validate({**row, **_parse_roles(row)})
    except ValidationError as error:
        reason = format_validation_error(error)
        raise ValueError(reason.replace("Extra inputs are not permitted", "no such column")) from None
    missing = [name for name in dict.fromkeys((match_by, *_REQUIRED)) if not getattr(user, name)]
    if missing:
        raise ValueError(f"{' and '.join(missing)} missing")
    if user.email_address and not _EMAIL.fullmatch(user.email_address):
        raise ValueError("email_address is not an e-mail address")
    if user.time_zone and user.time_zone not in zoneinfo.available_timezones():
        raise ValueError(f"time_zone {user.time_zone!r} is no IANA time zone such as Australia/Perth")
    return user


def _parse_roles(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return roles, by name or number, in a list or a string such as ``TRAINEE;SUPERVISOR``, as numbers."""
    roles = row.get("roles")
    if isinstance(roles, str):
        roles = [part for part in re.split(r"[;|,]", roles) if part.strip()]
    if not isinstance(roles, list):
        return {}
    names = [role.strip().upper() if isinstance(role, str) else role for role in roles]
    return {"roles": [Role[name] if name in Role.__members__ else name for name in names]}
