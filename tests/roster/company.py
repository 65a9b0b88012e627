"""A changing company of 300 people, its HR extracts, and the account that each extract must lead to.

The account is calculated from the rules of the documentation, not with the code of the provider.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEPARTMENTS = ("Gerüstbau", "Betonbau", "Förderung", "Werkstatt", "Labor", "Verwaltung")
OWNER = "E1001"
"""Employee number of the owner of the account, who is in no extract."""

BOSS = "E2000"
FIRST_NAMES = ("Jürgen", "Zoë", "Ada", "Søren", "François", "Noah", "Anaïs")
LAST_NAMES = ("Müller", "Groß", "Byron", "Weiß", "Nguyen", "Ørsted", "Costa", "Å")


@dataclass(frozen=True, kw_only=True)
class Employee:
    """A row of an extract."""

    number: str
    first_name: str
    last_name: str
    email: str
    phone: str
    department: str
    manager: str

    def cells(self) -> dict[str, str]:
        """Return the cells by column."""
        return {
            "Personalnummer": self.number,
            "Vorname": self.first_name,
            "Nachname": self.last_name,
            "E-Mail": self.email,
            "Telefon": self.phone,
            "Abteilung": self.department,
            "Vorgesetzter": self.manager,
            "Kostenstelle": "4711",
        }


@dataclass(frozen=True, kw_only=True)
class AccountUser:
    """What matters of a user in Damstra."""

    first_name: str
    last_name: str
    email: str
    phone: str
    is_active: bool
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """Users by employee number, and the supervisors of each group by employee number."""

    users: dict[str, AccountUser]
    supervisors: dict[str, set[str]] = field(default_factory=dict)


def employee(index: int, department: str, *, manager: str) -> Employee:
    """Return a new employee."""
    first, last = FIRST_NAMES[index % len(FIRST_NAMES)], LAST_NAMES[index % len(LAST_NAMES)]
    return Employee(
        number=f"E{2000 + index}",
        first_name=first,
        last_name=last,
        email=f"person{index}@example.com",
        phone=f"08 {index:06d}",
        department=department,
        manager=manager,
    )


class Company:
    """The employees, by number. The first one of each department leads it, and reports to the boss."""

    def __init__(self, size: int) -> None:
        self.people: dict[str, Employee] = {}
        self.former: dict[str, Employee] = {}
        self._next = 0
        self.hire(size)

    def hire(self, count: int, department: str | None = None) -> None:
        """Add employees, to one department or to all in turn."""
        for index in range(self._next, self._next + count):
            name = department or DEPARTMENTS[index % len(DEPARTMENTS)]
            head = f"E{2000 + index % len(DEPARTMENTS)}" if department is None else BOSS
            manager = "" if index == 0 else BOSS if index < len(DEPARTMENTS) else head
            one = employee(index, name, manager=manager)
            self.people[one.number] = one
        self._next += count

    def change(self, numbers: Sequence[int], **fields: str) -> None:
        """Change fields of employees; ``{}`` in a value is the index."""
        for index in numbers:
            one = self.people[f"E{2000 + index}"]
            given = {name: value.format(index) for name, value in fields.items()}
            self.people[one.number] = replace(one, **given)

    def leave(self, numbers: Sequence[int]) -> None:
        """Remove employees."""
        for index in numbers:
            number = f"E{2000 + index}"
            self.former[number] = self.people.pop(number)

    def come_back(self, numbers: Sequence[int], **fields: str) -> None:
        """Add former employees again, with some fields changed."""
        for index in numbers:
            one = self.former.pop(f"E{2000 + index}")
            self.people[one.number] = replace(one, **fields)

    def rows(self) -> list[Employee]:
        """Return the rows of a complete extract."""
        return list(self.people.values())


def extracts(company: Company) -> Iterator[tuple[str, list[Employee]]]:
    """Yield the name and the rows of ten extracts, while the company changes."""
    yield "hire", company.rows()
    company.change(range(30, 50), phone="09 {}", email="moved{}@example.com")
    company.change(range(60, 70), department="Labor", manager="E2004")
    yield "change", company.rows()
    company.leave([20, 21, 77, 150, 151, 299])
    yield "leave", company.rows()
    company.come_back([20, 77], department="Betonbau", manager="E2001")
    yield "return", company.rows()
    company.change([31, 32, 90], last_name="Müller-Lüdenscheidt", email="married{}@example.com")
    company.change(
        [i for i in range(300) if i % 6 == 3 and i not in (21, 77, 150, 151)], department="Fuhrpark"
    )
    yield "rename", company.rows()
    company.change([100], phone="10 100")
    rows = company.rows()
    yield "duplicate", [*rows, rows[40], replace(rows[101], phone="other", department="Labor")]
    yield "truncated", company.rows()[:120]
    company.hire(5)
    company.leave([5, 200, 201])
    company.change([i for i in range(11, 305, 6) if f"E{2000 + i}" in company.people], manager="E2011")
    yield "manager leaves", company.rows()
    company.hire(3, "Sprengtechnik")
    company.change([12, 13], department="Sprengtechnik", manager=BOSS)
    yield "new department", company.rows()
    company.come_back([5, 21], department="Verwaltung", manager="E2011")
    company.leave([1, 250])
    company.change([i for i in range(7, 306, 6) if f"E{2000 + i}" in company.people], manager="E2007")
    company.change([20], manager="E2007")
    company.change([14, 15, 16], department="Betonbau", manager="E2007", phone="11 {}")
    company.hire(2)
    yield "everything", company.rows()


def write_extract(path: Path, rows: Sequence[Employee]) -> str:
    """Write rows as a German spreadsheet does, and return the path."""
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.DictWriter(file, list(rows[0].cells()), delimiter=";")
        writer.writeheader()
        writer.writerows(row.cells() for row in rows)
    return str(path)


def account_after(before: AccountState, rows: Sequence[Employee]) -> AccountState:
    """Return the account that an extract must lead to."""
    by_number: dict[str, set[Employee]] = defaultdict(set)
    for row in rows:
        by_number[row.number].add(row)
    unclear = {number for number, same in by_number.items() if len(same) > 1}
    clear = [row for row in rows if row.number not in unclear]
    users = dict(before.users)
    for row in clear:
        users[row.number] = AccountUser(
            first_name=row.first_name,
            last_name=row.last_name,
            email=row.email,
            phone=row.phone,
            is_active=True,
            groups=frozenset([row.department]),
        )
    left = {number for number in users if number not in by_number and number != OWNER}
    for number in left:
        users[number] = replace(users[number], is_active=False, groups=frozenset())
    managers: dict[str, set[str]] = {name: set(found) - left for name, found in before.supervisors.items()}
    unsure = {name for number in unclear for name in before.users[number].groups}
    unsure |= {row.department for row in rows if row.number in unclear}
    for department in {row.department for row in clear}:
        named = {row.manager for row in clear if row.department == department and row.manager}
        kept = managers.get(department, set()) if department in unsure else set()
        managers[department] = named | kept
    return AccountState(users=users, supervisors={name: found for name, found in managers.items() if found})
