"""Initial data of the store: the seeds ``demo``, ``empty`` and ``large:N``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_damstra.emulator import demo_seed
from airflow_provider_damstra.emulator.clock import ACCOUNT_TIME_ZONE, format_utc_milliseconds
from airflow_provider_damstra.emulator.schema import FIRST_IDS
from airflow_provider_damstra.emulator.store import Store
from airflow_provider_damstra.models.user import ClientStatus, Role

SeedFunction = Callable[[Store, datetime], None]

_GROUP_SIZE = 500
_MAX_USERS = 10_000_000


def get_seed(name: str) -> SeedFunction:
    """Return the function that fills an empty store, relative to the given time.

    :raises ValueError: if there is no such seed.
    """
    if name in _SEEDS:
        return _SEEDS[name]
    large = re.fullmatch(r"large:([1-9]\d{0,7})", name)
    if large and int(large[1]) <= _MAX_USERS:
        return lambda store, now: _seed_large(store, now, int(large[1]))
    raise ValueError(f"there is no seed {name!r}: write demo, empty, or large:N with N up to {_MAX_USERS}")


def _seed_empty(store: Store, now: datetime) -> None:
    """Insert the owner of the account only."""
    _insert_users(store, now, demo_seed.USERS[:1])


def _seed_demo(store: Store, now: datetime) -> None:
    """Insert 40 users with roles and groups, lessons, lesson schedules and ILT sessions."""
    _insert_users(store, now, demo_seed.USERS)
    store.insert_many("groups", (_with_dates(group, now, days_ago=380) for group in demo_seed.GROUPS))
    store.insert_many("group_members", demo_seed.group_members())
    store.insert_many("group_supervisors", demo_seed.GROUP_SUPERVISORS)
    _insert_lessons(store, now)
    store.insert_many("lesson_schedules", demo_seed.lesson_schedules(now))
    store.insert_many("ilt_sessions", demo_seed.ilt_sessions(now))
    store.insert_many("ilt_attendees", demo_seed.ilt_attendees(now))


def _seed_large(store: Store, now: datetime, size: int) -> None:
    """Insert users in groups of 500, and the lessons of the demo."""
    first_user, first_group = FIRST_IDS["users"], FIRST_IDS["groups"]
    numbers = range(1, size)
    group_numbers = range((size + _GROUP_SIZE - 1) // _GROUP_SIZE)
    dates = _with_dates({}, now, days_ago=300)
    description = f"{_GROUP_SIZE} people"
    _seed_empty(store, now)
    store.insert_many("users", (_numbered_user(number, dates) for number in numbers))
    roles = ({"user_id": first_user + number, "role_id": Role.TRAINEE} for number in numbers)
    store.insert_many("user_roles", roles)
    names = (f"Crew {number + 1:05d}" for number in group_numbers)
    store.insert_many("groups", ({"name": name, "description": description, **dates} for name in names))
    members = (
        {"group_id": first_group + number // _GROUP_SIZE, "user_id": first_user + number}
        for number in numbers
    )
    store.insert_many("group_members", members)
    _insert_lessons(store, now)


_SEEDS: dict[str, SeedFunction] = {"empty": _seed_empty, "demo": _seed_demo}


def _insert_users(store: Store, now: datetime, users: tuple[demo_seed.SeedUser, ...]) -> None:
    by_id = dict(enumerate(users, FIRST_IDS["users"]))
    store.insert_many("users", [_user(user, user_id, now) for user_id, user in by_id.items()])
    roles = [{"user_id": user_id, "role_id": role} for user_id, user in by_id.items() for role in user.roles]
    store.insert_many("user_roles", roles)


def _user(user: demo_seed.SeedUser, user_id: int, now: datetime) -> dict[str, Any]:
    first, last = user.name.split(" ", 1)
    values = {
        "id": user_id,
        "user_name": f"{first[0]}.{last}".lower(),
        "first_name": first,
        "last_name": last,
        "email_address": f"{first}.{last}@example.com".lower(),
        "phone_number": f"08 5550 {user_id:04d}",
        "mobile_number": f"0491 57{user_id % 10_000:04d}",
        "employee_number": f"E{user_id:04d}",
        "client_status_id": user.client_status_id,
        "time_zone": ACCOUNT_TIME_ZONE,
    }
    return _with_dates(values, now, days_ago=400 - user_id % 100)


def _numbered_user(number: int, dates: dict[str, str]) -> dict[str, Any]:
    """Return a user of a large seed; all share their dates, which are slow to format."""
    first = demo_seed.FIRST_NAMES[number % len(demo_seed.FIRST_NAMES)]
    last = demo_seed.LAST_NAMES[number // len(demo_seed.FIRST_NAMES) % len(demo_seed.LAST_NAMES)]
    return {
        "id": FIRST_IDS["users"] + number,
        "user_name": f"{first[0]}.{last}{number}".lower(),
        "first_name": first,
        "last_name": last,
        "email_address": f"{first}.{last}{number}@example.com".lower(),
        "phone_number": None,
        "mobile_number": f"0491 {number:06d}",
        "employee_number": f"E{number:07d}",
        "client_status_id": ClientStatus.ACTIVE.value,
        "time_zone": ACCOUNT_TIME_ZONE,
        **dates,
    }


def _insert_lessons(store: Store, now: datetime) -> None:
    store.insert_many("lessons", demo_seed.LESSONS)
    for table, rows in (
        ("lesson_versions", demo_seed.LESSON_VERSIONS),
        ("lesson_version_custom_fields", demo_seed.CUSTOM_FIELDS),
    ):
        store.insert_many(table, [_with_dates(row, now, days_ago=370) for row in rows])


def _with_dates(values: dict[str, Any], now: datetime, *, days_ago: int) -> dict[str, Any]:
    """Return a row that was created and modified some days ago."""
    timestamp = format_utc_milliseconds(now - timedelta(days=days_ago))
    return {**values, "created_date": timestamp, "modified_date": timestamp}
