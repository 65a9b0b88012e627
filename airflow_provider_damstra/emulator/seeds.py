"""Initial data of the store: the seeds ``demo``, ``empty`` and ``large:N``, and seed files."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_damstra.emulator import demo_seed
from airflow_provider_damstra.emulator.clock import ACCOUNT_TIME_ZONE, format_utc_milliseconds
from airflow_provider_damstra.emulator.schema import FIRST_IDS
from airflow_provider_damstra.emulator.seed_document import is_seed_file, parse_seed, read_file
from airflow_provider_damstra.emulator.seed_rows import build_rows
from airflow_provider_damstra.emulator.store import Store
from airflow_provider_damstra.models.user import Role

SeedFunction = Callable[[Store, datetime], None]

_GROUP_SIZE = 500
_MAX_USERS = 10_000_000
MAX_USERS_OF_REQUEST = 100_000
"""The most users of a seed that a request loads: no other request is handled meanwhile, for some seconds."""


def get_seed(name: str) -> SeedFunction:
    """Return the function that fills an empty store, relative to the given time.

    :param name: name of a seed, or path of a seed file, which is read now.
    :raises ValueError: if there is no such seed, or naming every problem of the file.
    """
    if is_seed_file(name):
        return seed_from_document(read_file(Path(name)), source=name)
    return get_named_seed(name)


def seed_from_document(content: str | bytes, *, source: str) -> SeedFunction:
    """Return the function that fills an empty store with the content of a seed file.

    :raises ValueError: naming every problem with its position.
    """
    document, positions = parse_seed(content, source=source)

    def fill(store: Store, now: datetime) -> None:
        for table, rows in build_rows(document, positions, now).items():
            store.insert_many(table, rows)

    return fill


def get_named_seed(name: str, *, max_users: int = _MAX_USERS) -> SeedFunction:
    """Return the function for the name of a seed.

    :param max_users: the most users of a seed ``large:N``.
    :raises ValueError: if there is no such seed, or it is too large.
    """
    if name in _SEEDS:
        return _SEEDS[name]
    large = re.fullmatch(r"large:([1-9]\d{0,7})", name)
    if large and int(large[1]) <= max_users:
        return lambda store, now: _seed_large(store, now, int(large[1]))
    raise ValueError(
        f"there is no seed {name!r}: write demo, empty, large:N with N up to {max_users}, or a .yaml file"
    )


def _seed_empty(store: Store, now: datetime) -> None:
    """Insert the owner of the account only."""
    _insert_users(store, now, demo_seed.USERS[:1])


def _seed_demo(store: Store, now: datetime) -> None:
    """Insert 40 users with roles and groups, lessons, lesson schedules and ILT sessions."""
    _insert_users(store, now, demo_seed.USERS)
    store.insert_many("groups", [{**group, **_dates(now, days_ago=380)} for group in demo_seed.GROUPS])
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
    dates = _dates(now, days_ago=300)
    _seed_empty(store, now)
    store.insert_many("users", (_numbered_user(number, dates) for number in numbers))
    roles = ({"user_id": first_user + number, "role_id": Role.TRAINEE} for number in numbers)
    store.insert_many("user_roles", roles)
    description = f"{_GROUP_SIZE} people"
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
    dates = _dates(now, days_ago=400 - user_id % 100)
    values = {
        "phone_number": f"08 5550 {user_id:04d}",
        "mobile_number": f"0491 57{user_id % 10_000:04d}",
        "employee_number": f"E{user_id:04d}",
        "client_status_id": user.client_status_id.value,
    }
    return _named(*user.name.split(" ", 1)) | {"id": user_id, **values, **dates}


def _numbered_user(number: int, dates: dict[str, str]) -> dict[str, Any]:
    """Return a user of a large seed; all share their dates, which are slow to format."""
    first = demo_seed.FIRST_NAMES[number % len(demo_seed.FIRST_NAMES)]
    last = demo_seed.LAST_NAMES[number // len(demo_seed.FIRST_NAMES) % len(demo_seed.LAST_NAMES)]
    values = {"mobile_number": f"0491 {number:06d}", "employee_number": f"E{number:07d}"}
    return _named(first, last, str(number)) | {"id": FIRST_IDS["users"] + number, **values, **dates}


def _named(first: str, last: str, suffix: str = "") -> dict[str, Any]:
    """Return the columns of a user that are derived from the name.

    :param suffix: distinguishes users with equal names.
    """
    return {
        "user_name": f"{first[0]}.{last}{suffix}".lower(),
        "first_name": first,
        "last_name": last,
        "email_address": f"{first}.{last}{suffix}@example.com".lower(),
        "time_zone": ACCOUNT_TIME_ZONE,
    }


def _insert_lessons(store: Store, now: datetime) -> None:
    store.insert_many("lessons", demo_seed.LESSONS)
    dates = _dates(now, days_ago=370)
    store.insert_many("lesson_versions", [{**row, **dates} for row in demo_seed.LESSON_VERSIONS])
    store.insert_many("lesson_version_custom_fields", [{**row, **dates} for row in demo_seed.CUSTOM_FIELDS])


def _dates(now: datetime, *, days_ago: int) -> dict[str, str]:
    """Return the dates of a row that was created and modified some days ago."""
    timestamp = format_utc_milliseconds(now - timedelta(days=days_ago))
    return {"created_date": timestamp, "modified_date": timestamp}
