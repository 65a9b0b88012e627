"""Scenarios: the account that the server begins with, and the extract that the contenders read.

A person's number decides what is different about the person, so that shares are the same for any number.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE_PER_GROUP = 50
LESSON_IDS = tuple(range(201, 221))
TOP_GROUP_ID = 1
INACTIVE = 57
"""Client status of an inactive user."""

COLUMNS = (
    *("employee_number", "first_name", "last_name", "email_address", "mobile_number", "time_zone"),
    *("department", "manager"),
)
_TIME_ZONES = ("Australia/Perth", "Australia/Brisbane", "Asia/Singapore", "Europe/Berlin")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A number of people and what is done for them.

    :param task: a key of ``OPERATORS`` in ``benchmarks.people.operators``.
    :param journal: path of the requests that the floor and the peer send again, or an empty string.
    """

    task: str
    people: int
    journal: str = ""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which another process creates the same scenario."""
        return asdict(self)

    @property
    def existing(self) -> int:
        """Return the number of users that the account begins with."""
        return 0 if self.task == "upsert, all new" else self.people

    @property
    def schedules_per_user(self) -> int:
        """Return the number of lesson schedules that each user begins with."""
        return len(LESSON_IDS) if self.task == "matrix" else 0

    @property
    def is_roster(self) -> bool:
        """Return whether the extract differs from the account by a few percent."""
        return self.task.startswith("sync")


def group_id(person: int) -> int:
    """Return the id of a person's group."""
    return TOP_GROUP_ID + 1 + person // PEOPLE_PER_GROUP


def user(person: int) -> dict[str, Any]:
    """Return a person's user, as the API lists it; one of 200 is inactive in Damstra, but in the extract."""
    is_manager = person % PEOPLE_PER_GROUP == 0
    return {
        "id": person + 1,
        "userName": f"person{person}",
        "firstName": f"First{person}",
        "lastName": f"Last{person}",
        "emailAddress": f"person{person}@example.com",
        "mobileNumber": f"0400{person:06}",
        "employeeNumber": f"E{person}",
        "timeZone": _TIME_ZONES[person % len(_TIME_ZONES)],
        "clientStatusId": INACTIVE if person % 200 == 5 else 56,
        "groups": [{"id": group_id(person)}],
        "groupsSupervised": [{"id": group_id(person)}] if is_manager else [],
        "roles": [{"id": 6}],
        "createdDate": "2025-11-19T05:04:43.000Z",
        "modifiedDate": "2026-01-05T06:45:53.000Z",
    }


def groups(people: int) -> list[dict[str, Any]]:
    """Return the groups of the people, below one group."""
    last = group_id(max(people - 1, 0))
    names = {TOP_GROUP_ID: "Company"} | {
        one: f"Department {one}" for one in range(TOP_GROUP_ID + 1, last + 1)
    }
    return [
        {"id": one, "name": name, "parentId": None if one == TOP_GROUP_ID else TOP_GROUP_ID}
        for one, name in names.items()
    ]


def write_extract(path: Path, scenario: Scenario) -> None:
    """Write the CSV file that the operator reads."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_extract(scenario))


def _extract(scenario: Scenario) -> Iterator[list[str]]:
    """Yield rows: of a roster 1 % have left, 2 % have another number, 1 % have moved, and 1 % are new.

    Each new group has ten people, who are all new.
    """
    joiners = scenario.people // 100 if scenario.is_roster else 0
    for person in range(scenario.people + joiners):
        is_new = person >= scenario.people
        of = user(person)
        group = f"Department {'N' if is_new else ''}{(person // 10) if is_new else group_id(person)}"
        kind = person % 100 if scenario.is_roster and not is_new else None
        if kind == 1:
            continue
        if kind in (2, 3):
            of["mobileNumber"] = f"0499{person:06}"
        if kind == 4:
            group = f"Department {group_id((person + PEOPLE_PER_GROUP) % scenario.people)}"
        manager = 0 if is_new else person - person % PEOPLE_PER_GROUP
        names = ("employeeNumber", "firstName", "lastName", "emailAddress", "mobileNumber", "timeZone")
        yield [*(of[name] for name in names), group, f"E{manager}"]
