"""What the store holds at first: a small organisation, a large one, or next to nothing."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_damstra.emulator import demo_seed as demo
from airflow_provider_damstra.emulator.clock import ACCOUNT_ZONE_NAME, stored
from airflow_provider_damstra.emulator.schema import FIRST_IDS
from airflow_provider_damstra.emulator.store import Store
from airflow_provider_damstra.models.user import Role

Plant = Callable[[Store, datetime], None]

_CREW_SIZE = 500
_LARGEST = 10_000_000


def find(name: str) -> Plant:
    """Return what fills a store with the seed of this name.

    :raises ValueError: if there is no such seed.
    """
    if name in _SEEDS:
        return _SEEDS[name]
    large = re.fullmatch(r"large:([1-9]\d{0,7})", name)
    if large and int(large[1]) <= _LARGEST:
        return lambda store, now: _large(store, now, int(large[1]))
    raise ValueError(f"there is no seed {name!r}: write demo, empty, or large:N with N up to {_LARGEST}")


def _empty(store: Store, now: datetime) -> None:
    """One user, who owns the account."""
    _put(store, "users", [_user(demo.PEOPLE[0], FIRST_IDS["users"], now)])
    _put(store, "user_roles", _roles(demo.PEOPLE[:1]))


def _demo(store: Store, now: datetime) -> None:
    """Forty users with roles and groups, lessons, schedules in every status, sessions in every state."""
    _put(store, "users", [_user(person, user_id, now) for user_id, person in _with_ids(demo.PEOPLE)])
    _put(store, "user_roles", _roles(demo.PEOPLE))
    _put(store, "groups", [_dated({**group}, now, days=380) for group in demo.GROUPS])
    _put(store, "group_members", demo.memberships())
    _put(store, "group_supervisors", demo.SUPERVISIONS)
    _lessons(store, now)
    _put(store, "lesson_schedules", demo.schedules(now))
    _put(store, "ilt_sessions", demo.sessions(now))
    _put(store, "ilt_attendees", demo.attendees(now))


def _large(store: Store, now: datetime, size: int) -> None:
    """Users in groups of 500, and the lessons of the demo."""
    first_user, first_group = FIRST_IDS["users"], FIRST_IDS["groups"]
    others = range(1, size)
    crews = range((size + _CREW_SIZE - 1) // _CREW_SIZE)
    _empty(store, now)
    created = _dated({}, now, days=300)
    _put(store, "users", (_numbered_user(number, created) for number in others))
    _put(
        store, "user_roles", ({"user_id": first_user + number, "role_id": Role.TRAINEE} for number in others)
    )
    names = (f"Crew {number + 1:05d}" for number in crews)
    _put(
        store, "groups", ({"name": name, "description": f"{_CREW_SIZE} people", **created} for name in names)
    )
    _put(
        store,
        "group_members",
        (
            {"group_id": first_group + number // _CREW_SIZE, "user_id": first_user + number}
            for number in others
        ),
    )
    _lessons(store, now)


_SEEDS: dict[str, Plant] = {"empty": _empty, "demo": _demo}


def _with_ids(people: Iterable[demo.Person]) -> Iterable[tuple[int, demo.Person]]:
    return enumerate(people, FIRST_IDS["users"])


def _user(person: demo.Person, user_id: int, now: datetime) -> dict[str, Any]:
    first, last = person.name.split(" ", 1)
    values = {
        "id": user_id,
        "user_name": f"{first[0]}.{last}".lower(),
        "first_name": first,
        "last_name": last,
        "email_address": f"{first}.{last}@example.com".lower(),
        "phone_number": f"08 5550 {user_id:04d}",
        "mobile_number": f"0491 57{user_id % 10_000:04d}",
        "employee_number": f"E{user_id:04d}",
        "client_status_id": person.client_status_id,
        "time_zone": ACCOUNT_ZONE_NAME,
    }
    return _dated(values, now, days=400 - user_id % 100)


def _numbered_user(number: int, created: dict[str, str]) -> dict[str, Any]:
    """Return a user of a large organisation; ``created`` is the same for all, for there are many."""
    first = demo.FIRST_NAMES[number % len(demo.FIRST_NAMES)]
    last = demo.LAST_NAMES[number // len(demo.FIRST_NAMES) % len(demo.LAST_NAMES)]
    return {
        "id": FIRST_IDS["users"] + number,
        "user_name": f"{first[0]}.{last}{number}".lower(),
        "first_name": first,
        "last_name": last,
        "email_address": f"{first}.{last}{number}@example.com".lower(),
        "phone_number": None,
        "mobile_number": f"0491 {number:06d}",
        "employee_number": f"E{number:07d}",
        "client_status_id": 56,
        "time_zone": ACCOUNT_ZONE_NAME,
        **created,
    }


def _roles(people: Iterable[demo.Person]) -> list[dict[str, Any]]:
    return [
        {"user_id": user_id, "role_id": role}
        for user_id, person in _with_ids(people)
        for role in person.roles
    ]


def _lessons(store: Store, now: datetime) -> None:
    _put(store, "lessons", demo.LESSONS)
    _put(store, "lesson_versions", [_dated({**version}, now, days=370) for version in demo.VERSIONS])
    fields = [_dated({**one}, now, days=370) for one in demo.CUSTOM_FIELDS]
    _put(store, "lesson_version_custom_fields", fields)


def _dated(values: dict[str, Any], now: datetime, *, days: int) -> dict[str, Any]:
    moment = stored(now - timedelta(days=days))
    return {**values, "created_date": moment, "modified_date": moment}


def _put(store: Store, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows, all with the columns of the first."""
    waiting = iter(rows)
    first = next(waiting, None)
    if first is None:
        return
    marks = ", ".join(f":{name}" for name in first)
    sql = f"INSERT INTO {table} ({', '.join(first)}) VALUES ({marks})"
    store.execute_many(sql, [first])
    store.execute_many(sql, waiting)
