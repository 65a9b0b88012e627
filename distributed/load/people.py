"""The people of a run, and the files that the DAGs read."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LEAVERS = 5
NEWCOMERS = 5
RENAMED = 10


@dataclass(frozen=True, kw_only=True)
class Person:
    """A row of an HR file."""

    employee_number: str
    first_name: str
    last_name: str
    email_address: str


def people(prefix: str, *, first: int = 1, count: int) -> list[Person]:
    """Return people whose employee numbers begin with a prefix."""
    return [
        Person(
            employee_number=f"{prefix}-{number:03}",
            first_name=f"First{number:03}",
            last_name=f"Last{prefix}",
            email_address=f"{prefix}.{number:03}@example.com".lower(),
        )
        for number in range(first, first + count)
    ]


def next_roster(crew: list[Person], *, prefix: str) -> list[Person]:
    """Return the crew after leavers, newcomers, and people whose name has changed."""
    stayed = crew[:-LEAVERS]
    renamed = [replace(person, last_name=f"New{prefix}") for person in stayed[:RENAMED]]
    return [*renamed, *stayed[RENAMED:], *people(prefix, first=len(crew) + 1, count=NEWCOMERS)]


def write_csv(path: Path, rows: Iterable[Person], **columns: str) -> None:
    """Write a file of people.

    :param columns: further columns, with the same text in each row.
    """
    table = [asdict(row) | columns for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
