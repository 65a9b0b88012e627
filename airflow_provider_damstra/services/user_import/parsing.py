"""People from outside: read from a CSV or JSON lines file or a list, and checked before anything is sent."""

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

_SHOWN = 20
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_REQUIRED = ("first_name", "last_name")


def read_rows(text: str, *, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of a file with where it stands (``line 3``).

    :param text: the file's text: CSV with a header line, or JSON lines if the name ends in ``.jsonl`` or
        ``.ndjson``.
    """
    text = text.removeprefix("\ufeff")
    if name.lower().endswith((".jsonl", ".ndjson", ".json")):
        yield from _json_lines(text)
    else:
        yield from _csv_lines(text)


def _json_lines(text: str) -> Iterator[tuple[str, Any]]:
    # Not splitlines(), which also splits at signs that stand inside JSON texts.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError as error:
                yield f"line {number}", {"": f"is not JSON ({error})"}


def _csv_lines(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    twice = [
        name
        for name, count in Counter(_column(name) for name in reader.fieldnames or ()).items()
        if count > 1
    ]
    if twice:
        yield "line 1", {"": f"has more than one column {', '.join(twice)}"}
        return
    try:
        for row in reader:
            yield f"line {reader.line_num}", _cells(row)
    except csv.Error as error:
        # The reader within knows better how far it got.
        yield f"line {reader.reader.line_num}", {"": str(error)}


def _column(name: str) -> str:
    return to_camel(name.strip()) if "_" in name else name.strip()


def _cells(row: dict[str | None, Any]) -> dict[str, Any]:
    """Return the filled cells. An empty one says nothing: what Damstra has there is kept."""
    if None in row:
        return {"": f"has {len(row[None])} more cells than the header"}
    if None in row.values():
        return {"": "has fewer cells than the header"}
    return {str(name).strip(): value.strip() for name, value in row.items() if value.strip()}


def checked(rows: Iterable[tuple[str, Any]], *, match_by: str) -> list[ImportedUser]:
    """Return the rows as users to import.

    :param match_by: the member by which Damstra is to recognise a user; every row must have it, no two the
        same.
    :raises ValueError: naming every row that is wrong and why.
    """
    users: list[ImportedUser] = []
    problems: list[str] = []
    first_place: dict[str, str] = {}
    for place, row in rows:
        try:
            user = _user(row, match_by=match_by)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        key = str(getattr(user, match_by)).casefold()
        if key in first_place:
            problems.append(f"{place}: the same {match_by} as {first_place[key]}")
        first_place.setdefault(key, place)
        users.append(user)
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ValueError(
            f"{len(problems)} bad rows, nobody was imported:\n  " + "\n  ".join(problems[:_SHOWN]) + more
        )
    return users


def _user(row: Any, *, match_by: str) -> ImportedUser:
    if not isinstance(row, Mapping):
        raise ValueError(f"is a {type(row).__name__}, not names and values")
    if "" in row:
        raise ValueError(str(row[""]))
    try:
        user = ImportedUser.model_validate({**row, **_roles(row)})
    except ValidationError as error:
        raise ValueError(
            format_validation_error(error).replace("Extra inputs are not permitted", "no such column")
        ) from None
    missing = [name for name in {match_by: 1, **dict.fromkeys(_REQUIRED, 1)} if not getattr(user, name)]
    if missing:
        raise ValueError(f"{' and '.join(missing)} missing")
    if user.email_address and not _EMAIL.fullmatch(user.email_address):
        raise ValueError("email_address is no e-mail address")
    if user.time_zone and user.time_zone not in zoneinfo.available_timezones():
        raise ValueError(f"time_zone {user.time_zone!r} is no IANA time zone such as Australia/Perth")
    return user


def _roles(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return roles by name or number, as a list or a text such as ``TRAINEE;SUPERVISOR``, as a list."""
    roles = row.get("roles")
    if isinstance(roles, str):
        roles = [part for part in re.split(r"[;|,]", roles) if part.strip()]
    if not isinstance(roles, list):
        return {}
    return {"roles": [_role(role) for role in roles]}


def _role(role: Any) -> Any:
    name = role.strip().upper() if isinstance(role, str) else role
    return Role[name] if name in Role.__members__ else name
