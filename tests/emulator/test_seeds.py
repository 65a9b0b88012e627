"""Data of the seeds, and the indexes that searches use."""

# ruff: noqa: S608 (the statements are made of constants)

from __future__ import annotations

from collections import Counter
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.emulator import seeds
from airflow_provider_damstra.emulator.store import Store
from tests.emulator.api_client import TRAINEES, ApiClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

NOW = datetime(2026, 1, 31, 1, tzinfo=UTC)
TABLES = (
    "users",
    "user_roles",
    "groups",
    "group_members",
    "lesson_schedules",
    "ilt_sessions",
    "ilt_attendees",
)


@contextmanager
def seeded_store(seed: str, now: datetime = NOW) -> Iterator[Store]:
    with closing(Store()) as store:
        with store.transaction():
            store.clear()
            seeds.get_seed(seed)(store, now)
        yield store


def seed_content(seed: str) -> list[list[tuple[object, ...]]]:
    with seeded_store(seed) as store:
        return [
            [tuple(row) for row in store.fetch_all(f"SELECT * FROM {table} ORDER BY 1, 2")]
            for table in TABLES
        ]


def test_demo_has_40_users_with_every_role(api: ApiClient) -> None:
    users = api.get_json("/user", activeValue="all", maxResults=100)["results"]
    assert len(users) == 40
    assert {role for user in users for role in user["roles"]} == {3, 4, 5, 6, 7, 8}
    assert sum(7 in user["roles"] for user in users) == 1
    assert Counter(user["clientStatusId"] for user in users) == {56: 37, 57: 3}
    assert all(user["groups"] for user in users if user["id"] in TRAINEES)
    assert any(user["groupsSupervised"] for user in users)


def test_demo_has_six_lessons(api: ApiClient) -> None:
    rows = api.get_json("/lesson")["results"]
    states = {
        row["lessonId"]: {other["status"] for other in rows if other["lessonId"] == row["lessonId"]}
        for row in rows
    }
    assert len(states) == 6
    assert [lesson_id for lesson_id, found in states.items() if "active" not in found] == [206]
    led = [api.get_json(f"/ilt_session/{session_id}")["lessonName"] for session_id in (401, 402, 403)]
    assert led == ["Confined Space Entry (instructor-led)"] * 3


def test_demo_has_every_schedule_status_and_session_state(api: ApiClient) -> None:
    found = Counter(
        row["status"]
        for user_id in TRAINEES
        for row in api.get_json(f"/user/{user_id}/lesson_schedule")["results"]
    )
    assert found.keys() == {"scheduled", "due", "overdue", "completed", "cancelled"}
    assert min(found.values()) >= 5
    sessions = [api.get_json(f"/ilt_session/{session_id}") for session_id in (401, 402, 403)]
    assert [session["state"] for session in sessions] == ["past", "inprogress", "upcoming"]
    assert [session["statusId"] for session in sessions] == [2, 1, 1]


@pytest.mark.parametrize(
    ("lesson", "expected"), [("Working at Heights", [1014, 1032]), ("Site Induction", [1027, 1033])]
)
def test_demo_has_trainees_whose_last_completion_is_two_years_old(
    lesson: str, expected: list[int], api: ApiClient
) -> None:
    a_year_ago = (datetime.now(UTC) - timedelta(days=366)).isoformat()
    expired = []
    for user_id in TRAINEES:
        rows = api.get_json(f"/user/{user_id}/lesson_schedule")["results"]
        rows = [row for row in rows if row["lessonName"] == lesson]
        completed = [row["lessonCompletedDate"] for row in rows if row["status"] == "completed"]
        is_open = any(row["status"] not in ("completed", "cancelled") for row in rows)
        if completed and max(completed) < a_year_ago and not is_open:
            expired.append(user_id)
    assert expired == expected


def test_demo_is_deterministic_and_relative_to_clock() -> None:
    assert seed_content("demo") == seed_content("demo")
    with seeded_store("demo", NOW + timedelta(days=1000)) as later:
        starts_at = later.fetch_value("SELECT starts_at FROM ilt_sessions WHERE id = 403")
        assert starts_at == "2028-11-03T01:00:00.000Z"


def test_empty_seed_has_only_one_administrator() -> None:
    with seeded_store("empty") as store:
        counts = {table: store.fetch_value(f"SELECT count(*) FROM {table}") for table in TABLES}
        status = store.fetch_value("SELECT client_status_id FROM users")
    assert {table: count for table, count in counts.items() if count} == {"users": 1, "user_roles": 2}
    assert status == 56


@pytest.mark.parametrize(("size", "crew"), [(1, None), (2, 1), (500, 499), (501, 499), (2345, 500)])
def test_large_seed_has_requested_number_of_users(size: int, crew: int | None) -> None:
    with seeded_store(f"large:{size}") as store:
        sizes = "SELECT count(*) AS size FROM group_members GROUP BY group_id"
        assert store.fetch_value("SELECT count(*) FROM users") == size
        assert store.fetch_value("SELECT count(DISTINCT user_name) FROM users") == size
        assert store.fetch_value("SELECT count(*) FROM group_members") == size - 1
        assert store.fetch_value(f"SELECT max(size) FROM ({sizes})") == crew
        assert store.fetch_value("SELECT count(*) FROM lessons") == 6


@pytest.mark.parametrize("name", ["", "Demo", "large", "large:", "large:0", "large:-1", "large:99999999"])
def test_unknown_seed_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="there is no seed"):
        seeds.get_seed(name)


def test_large_seed_supports_deep_pages_and_searches(emulator: DamstraEmulator, api: ApiClient) -> None:
    emulator.reset(seed="large:20000")
    assert api.get_json("/user", activeValue="all", startIndex=19_990)["meta"] == {
        "totalResultCount": 20_000,
        "startIndex": 19_990,
        "endIndex": 20_000,
    }
    assert api.get_json("/user", empId="E0019999")["results"][0]["userName"].endswith("19999")
    assert api.get_json("/user", roleId=7)["meta"]["totalResultCount"] == 1
    assert api.get_json("/user", roleId=6, startIndex=19_900)["meta"]["totalResultCount"] == 19_999


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("client_status_id = 56 AND email_address = 'x'", "users_by_email_address"),
        ("client_status_id = 56 AND employee_number = 'x'", "users_by_employee_number"),
        ("email_address = 'x'", "users_by_email_address"),
        ("client_status_id = 56", "users_by_status"),
    ],
)
def test_exact_searches_use_index(where: str, index: str) -> None:
    with seeded_store("empty") as store:
        plan = store.fetch_all(f"EXPLAIN QUERY PLAN SELECT id FROM users WHERE {where}")
    assert index in plan[0]["detail"]
