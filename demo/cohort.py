"""The five new starters."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class NewStarter:
    """A row of the file of new starters."""

    first_name: str
    last_name: str
    email_address: str
    employee_number: str
    mobile_number: str
    time_zone: str

    @property
    def name(self) -> str:
        """Return first and last name."""
        return f"{self.first_name} {self.last_name}"


COHORT = tuple(
    NewStarter(
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


def write_csv(path: Path, new_starters: Iterable[NewStarter]) -> None:
    """Write the file of new starters that the onboarding DAG reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(NewStarter)])
        writer.writeheader()
        writer.writerows(asdict(new_starter) for new_starter in new_starters)
