"""The five people who start work."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Person:
    """A row of the list of new starters."""

    first_name: str
    last_name: str
    email_address: str
    employee_number: str
    mobile_number: str
    time_zone: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


COHORT = tuple(
    Person(
        first_name=first,
        last_name=last,
        email_address=f"{first}.{last}@example.com".lower(),
        employee_number=f"NS-{number}",
        mobile_number=f"040000{number}",
        time_zone=zone,
    )
    for number, (first, last, zone) in enumerate(
        [
            ("Aroha", "Ngata", "Pacific/Auckland"),
            ("Ben", "Okafor", "Australia/Perth"),
            ("Chloe", "Marchetti", "Australia/Sydney"),
            ("Dinesh", "Perera", "Australia/Brisbane"),
            ("Ella", "Lindqvist", "Australia/Perth"),
        ],
        start=1001,
    )
)


def write_csv(path: Path, people: Iterable[Person]) -> None:
    """Write the list of new starters as the onboarding DAG reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Person)])
        writer.writeheader()
        writer.writerows(asdict(person) for person in people)
