"""Users of an HR extract: read from a file or a list, and validated before anything is sent."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, BinaryIO

from pydantic import ValidationError

from airflow_provider_damstra.endpoints.user import ImportedUser
from airflow_provider_damstra.input_files.columns import plain_number
from airflow_provider_damstra.input_files.table import LocatedRow, input_file_errors, open_table
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.models.user import Role
from airflow_provider_damstra.services.user_import.columns import REQUIRED_FIELDS, UserColumns
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation_errors import format_validation_error

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")


@dataclass(frozen=True, kw_only=True)
class UserRow:
    """A valid row of an extract.

    :param location: where it is, such as ``line 3``.
    :param extra: the texts of the extra columns that are not blank, by column.
    """

    location: str
    user: ImportedUser
    extra: Mapping[str, str] = field(default_factory=dict)


def read_rows(
    file: BinaryIO,
    columns: UserColumns,
    *,
    name: str,
    match_by: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    allow_empty: bool = False,
    allow_duplicates: bool = False,
) -> list[UserRow]:
    """Return the rows of a file: CSV, JSON lines, Parquet or Excel.

    :param name: the file's name, for its format and for messages.
    :param match_by: the field by which Damstra matches users; each row must have it.
    :param allow_empty: accept a file without rows.
    :param allow_duplicates: accept rows with the same value of ``match_by``.
    :raises ValueError: naming the file, and its columns or rows that are wrong and why.
    """
    with input_file_errors(name):
        table = open_table(file, name=name, encoding=encoding, delimiter=delimiter)
        if table.columns:
            columns.validate_header(table.columns, match_by=match_by, location=table.header_location)
        needed = columns.needed(table.columns) if table.columns else None
        rows = parse_rows(table.rows(needed), columns, match_by=match_by, allow_duplicates=allow_duplicates)
        if not rows and not allow_empty:
            raise ValueError("it has no rows; if that can be right, set allow_empty=True")
        return rows


def parse_row_list(
    users: Any, columns: UserColumns, *, match_by: str, allow_empty: bool, allow_duplicates: bool = False
) -> list[UserRow]:
    """Return the rows of a list of mappings.

    :param match_by: the field by which Damstra matches users; each row must have it.
    :param allow_empty: accept a list without rows.
    :param allow_duplicates: accept rows with the same value of ``match_by``.
    :raises ValueError: naming every row that is wrong and why.
    """
    if not isinstance(users, Iterable) or isinstance(users, (str, bytes, Mapping)):
        raise ValueError(f"users is a {type(users).__name__}, not a list of rows")
    rows = [(f"row {number}", row) for number, row in enumerate(users, start=1)]
    if not (rows or allow_empty):
        raise ValueError("users is empty; if that can be right, set allow_empty=True")
    try:
        return parse_rows(rows, columns, match_by=match_by, allow_duplicates=allow_duplicates)
    except ValueError as error:
        raise ValueError(f"users: {error}") from None


def parse_rows(
    rows: Iterable[LocatedRow], columns: UserColumns, *, match_by: str, allow_duplicates: bool = False
) -> list[UserRow]:
    """Return rows with the users to import.

    :param match_by: the field by which Damstra matches users; each row must have it.
    :param allow_duplicates: accept rows with the same value of ``match_by``.
    :raises ValueError: naming every row that is wrong and why.
    """
    parsed: list[UserRow] = []
    problems: list[str] = []
    locations: dict[MatchKey, str] = {}
    for location, row in rows:
        try:
            user_row = _parse_row(location, row, columns, match_by=match_by)
        except ValueError as error:
            problems.append(f"{location}: {error}")
            continue
        key = match_key(getattr(user_row.user, match_by))
        if key in locations and not allow_duplicates:
            problems.append(f"{location}: the same {match_by} as {locations[key]}")
        locations.setdefault(key, location)
        parsed.append(user_row)
    if problems:
        shown = join_first(problems, separator="\n  ")
        raise ValueError(f"{len(problems)} bad rows, no user was imported:\n  {shown}")
    return parsed


def _parse_row(location: str, row: Any, columns: UserColumns, *, match_by: str) -> UserRow:
    if isinstance(row, ValueError):
        raise row
    if not isinstance(row, Mapping):
        raise ValueError(f"is a {type(row).__name__}, not names and values")
    row = {name: plain_number(value) for name, value in row.items()}
    user = _parse_user(columns.rename(row), match_by=match_by)
    texts = {name: str(row[name]).strip() for name in columns.extra if row.get(name) is not None}
    return UserRow(location=location, user=user, extra={name: text for name, text in texts.items() if text})


def _parse_user(row: dict[str, Any], *, match_by: str) -> ImportedUser:
    problems = _find_problems(row, match_by=match_by)
    try:
        user = ImportedUser.model_validate({**row, **_parse_roles(row)})
    except ValidationError as error:
        problems.append(format_validation_error(error))
    if problems:
        # Outside of the except block: pydantic's error, which shows the row, would be its context.
        raise ValueError("; ".join(problems))
    return user


def _find_problems(row: Mapping[str, Any], *, match_by: str) -> list[str]:
    """Return what is wrong with a row although its values may have the right types."""
    texts = {name: "" if value is None else str(value).strip() for name, value in row.items()}
    missing = [
        name for name in dict.fromkeys((match_by, *REQUIRED_FIELDS)) if not match_key(texts.get(name, ""))
    ]
    email_address, time_zone = texts.get("email_address"), texts.get("time_zone")
    problems = [f"{' and '.join(missing)} missing"] if missing else []
    if email_address and not _EMAIL.fullmatch(email_address):
        problems.append("email_address is not an e-mail address")
    if time_zone and time_zone not in time_zones():
        problems.append("time_zone is no IANA time zone such as Australia/Perth")
    return problems


@cache
def time_zones() -> set[str]:
    """Return the IANA names of time zones. Python reads a folder of 600 files for them each time."""
    return zoneinfo.available_timezones()


def _parse_roles(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return roles, by name or number, in a list or a string such as ``TRAINEE;SUPERVISOR``, as numbers."""
    roles = row.get("roles")
    if isinstance(roles, str):
        roles = [part for part in re.split(r"[;|,]", roles) if part.strip()]
    if not isinstance(roles, list):
        return {}
    names = [role.strip().upper() if isinstance(role, str) else role for role in roles]
    return {"roles": [Role[name] if name in Role.__members__ else name for name in names]}
