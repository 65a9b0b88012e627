"""A crew: what the DAG ``crew_training`` is expected to do for it, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distributed.load.people import Person, next_roster, people, write_csv

if TYPE_CHECKING:
    from pathlib import Path

CLASSROOM_PLACES = 20
"""People of the first batch, who are scheduled to the classroom lesson; the last one is deregistered."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """A crew of a size.

    :param name: its short name, such as ``C01``.
    :param folder: its files.
    """

    name: str
    size: int
    folder: Path

    @property
    def people(self) -> list[Person]:
        """Return the people at first."""
        return people(self.name, count=self.size)

    @property
    def roster(self) -> list[Person]:
        """Return the people of the later roster."""
        return next_roster(self.people, prefix=self.name)

    @property
    def group(self) -> str:
        """Return the name of the crew's group."""
        return f"Crew {self.name}"

    @property
    def former_group(self) -> str:
        """Return the name of the group that the DAG closes."""
        return f"Former crew {self.name}"

    @property
    def room(self) -> str:
        """Return the location of the session that takes place."""
        return f"Room {self.name}"

    @property
    def spare_room(self) -> str:
        """Return the location of the session that is cancelled."""
        return f"Spare room {self.name}"

    @property
    def attendees(self) -> list[str]:
        """Return the employee numbers of those who attend the session."""
        return [person.employee_number for person in self.people[: CLASSROOM_PLACES - 1]]

    @property
    def deregistered(self) -> str:
        """Return the employee number of the person whose registration is withdrawn."""
        return self.people[CLASSROOM_PLACES - 1].employee_number

    @property
    def conf(self) -> dict[str, str]:
        """Return the parameters of the DAG run."""
        return {"crew": self.name, "folder": self.folder.as_uri()}

    def write_files(self) -> None:
        """Write the files that the DAG reads."""
        write_csv(self.folder / "people.csv", self.people)
        write_csv(self.folder / "roster.csv", self.roster)
