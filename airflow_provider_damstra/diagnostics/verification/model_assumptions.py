"""Comparison of rows with the models: unknown and missing fields, types, formats of dates, codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_provider_damstra import endpoints, models
from airflow_provider_damstra.diagnostics.verification.account import MAX_DETAILS, ids_of
from airflow_provider_damstra.diagnostics.verification.assumption import NotObservableError, assumption
from airflow_provider_damstra.diagnostics.verification.shapes import (
    date_format,
    is_same_format,
    json_type,
    safe_code,
    safe_name,
)
from airflow_provider_damstra.emulator.clock import ACCOUNT_TZINFO
from airflow_provider_damstra.emulator.rendering import DATE_FORMATS
from airflow_provider_damstra.validation_errors import error_details

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.account import Account
    from airflow_provider_damstra.models.base import Model

    Rows = list[dict[str, Any]]

_ANY_TIME = datetime(2026, 1, 31, 9, 30, tzinfo=ACCOUNT_TZINFO)


@dataclass(frozen=True)
class ExpectedField:
    """What a model declares about a field.

    :param types: types in JSON; empty for any.
    :param codes: documented values of an enumeration; empty if it is none.
    """

    is_required: bool
    is_date: bool
    types: frozenset[str]
    codes: frozenset[Any]


@dataclass
class FieldProfile:
    """What the rows contain in a field: counts of types and formats."""

    types: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)


@cache
def expected_fields(model: type[Model]) -> dict[str, ExpectedField]:
    """Return what a model declares, by the names of the API."""
    schema = model.model_json_schema(mode="serialization", by_alias=True)
    required = {
        info.serialization_alias or name for name, info in model.model_fields.items() if info.is_required()
    }
    definitions = schema.get("$defs", {})
    fields = {}
    for name, declared in schema["properties"].items():
        parts = list(_parts(declared, definitions))
        items = [item for part in parts for item in _parts(part.get("items", {}), definitions)]
        fields[name] = ExpectedField(
            is_required=name in required,
            is_date=any(part.get("format") == "date-time" for part in parts),
            types=frozenset(part["type"] for part in parts if "type" in part),
            codes=frozenset(code for part in (*parts, *items) for code in part.get("enum", ())),
        )
    return fields


def _parts(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the alternatives of a JSON schema."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        for part in schema["anyOf"]:
            yield from _parts(part, definitions)
    else:
        yield schema


def profile_fields(rows: Rows) -> dict[str, FieldProfile]:
    """Return types and formats of dates of each field."""
    profiles: dict[str, FieldProfile] = {}
    for row in rows:
        for name, value in row.items():
            profile = profiles.setdefault(safe_name(name), FieldProfile())
            profile.types[json_type(value)] += 1
            if isinstance(value, str) and not (shown := date_format(value)).startswith(("no", "an")):
                profile.formats[shown] += 1
    return profiles


def compare_rows(model: type[Model], rows: Rows) -> list[str]:
    """Return how rows differ from a model."""
    if not rows:
        raise NotObservableError("the account has no such records")
    problems: Counter[str] = Counter()
    for row in rows:
        problems.update(set(_row_problems(model, row)))
    return [f"{problem} in {count} of {len(rows)} rows" for problem, count in sorted(problems.items())]


def _row_problems(model: type[Model], row: dict[str, Any]) -> Iterator[str]:
    expected = expected_fields(model)
    for name, declared in expected.items():
        if declared.is_required and name not in row:
            yield f"{name}: missing"
    for name, value in row.items():
        if name not in expected:
            yield f"{safe_name(name)}: unknown field of type {json_type(value)}"
        else:
            yield from (f"{name}: {problem}" for problem in _value_problems(model, expected[name], value))
    try:
        model.model_validate(row)
    except ValidationError as error:
        for detail in error_details(error):
            yield f"{safe_name(str(detail['loc'][0]))}: rejected by the model ({detail['type']})"


def _value_problems(model: type[Model], declared: ExpectedField, value: Any) -> Iterator[str]:
    found = json_type(value)
    is_number = found == "integer" and "number" in declared.types
    if declared.types and found not in declared.types and not is_number:
        yield f"{found} instead of {' or '.join(sorted(declared.types - {'null'}))}"
    elif declared.is_date and value is not None:
        wanted = date_format(DATE_FORMATS[model](_ANY_TIME))
        if not is_same_format(shown := date_format(value), wanted):
            yield f"{shown} instead of {wanted}"
    if declared.codes:
        codes = value if isinstance(value, list) else [value]
        unknown = [code for code in codes if isinstance(code, (int, str)) and code not in declared.codes]
        yield from (f"undocumented value {safe_code(code)}" for code in unknown)


def _by_id(account: Account, rows: Rows, make: Callable[[int], Any]) -> Rows:
    return [account.get(make(row_id)).record for row_id in ids_of(rows)[:MAX_DETAILS]]


SAMPLES: dict[str, tuple[type[Model], Callable[[Account], Rows]]] = {
    "ListUsers": (models.User, lambda account: account.users),
    "GetUser": (
        models.User,
        lambda account: _by_id(account, account.users, lambda row_id: endpoints.GetUser(user_id=row_id)),
    ),
    "ListGroups": (models.Group, lambda account: account.groups),
    "GetGroup": (
        models.Group,
        lambda account: _by_id(account, account.groups, lambda row_id: endpoints.GetGroup(group_id=row_id)),
    ),
    "ListGroupMembers": (
        models.User,
        lambda account: [row for page in account.member_pages.values() for row in page.rows],
    ),
    "ListGroupSupervisors": (
        models.User,
        lambda account: [row for page in account.supervisor_pages.values() for row in page.rows],
    ),
    "ListLessons": (models.Lesson, lambda account: account.get_page(endpoints.ListLessons()).rows),
    "ListLessonDetails": (
        models.LessonDetails,
        lambda account: account.get_page(endpoints.ListLessonDetails()).rows,
    ),
    "ListUserLessonSchedules": (models.UserLessonSchedule, lambda account: account.schedules),
    "GetLessonSchedule": (models.LessonSchedule, lambda account: account.schedule_details),
    "ListIltSessions": (models.IltSession, lambda account: account.sessions),
    "GetIltSession": (models.IltSession, lambda account: account.session_details),
    "ListIltSessionAttendees": (
        models.IltSessionAttendee,
        lambda account: [row for page in account.attendee_pages.values() for row in page.rows],
    ),
}
"""The model of each operation's rows, and how rows of it are read."""


def _check(operation: str, account: Account) -> Sequence[str]:
    model, read = SAMPLES[operation]
    return compare_rows(model, read(account))


for _operation, (_model, _) in SAMPLES.items():
    assumption(
        f"model.{_operation}",
        f"{_operation} returns the fields, types and date formats of {_model.__name__}.",
    )(partial(_check, _operation))
