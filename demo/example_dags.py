"""The example DAGs, with default paths in a folder of the demonstration, and the input files they read."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.demo_seed import USERS
from demo.cohort import COHORT, write_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FOLDER = Path(__file__).resolve().parent.parent / "example_dags"
NEEDS_OTHER_SYSTEM = {"example_damstra_warehouse", "example_damstra_completion_delivery"}
NEW_STARTERS = "new_starters.csv"

_DEFAULT_FOLDER = "file:///tmp/"
_CREW = (1015, 1020, 1025, 1030, 1035)
"""User ids of the scaffolders in the emulator's seed."""
_CONCRETE_CREW = (1014, 1019, 1024, 1029, 1034)
_RETURNER = 1040
"""An inactive scaffolder."""
_FIRST_USER = 1001


def example_dag_ids() -> list[str]:
    """Return the ids of the example DAGs that need no other system."""
    return sorted(path.stem for path in FOLDER.glob("example_*.py") if path.stem not in NEEDS_OTHER_SYSTEM)


def copy_dag(dag_id: str, dags: Path, *, files: Path) -> None:
    """Copy an example DAG into a DAGs folder; its default paths are in the folder of files."""
    text = (FOLDER / f"{dag_id}.py").read_text()
    (dags / f"{dag_id}.py").write_text(text.replace(_DEFAULT_FOLDER, f"{files.as_uri()}/"))


def write_input_files(files: Path) -> None:
    """Write the files that the example DAGs read by default, about users of the emulator and new starters."""
    files.mkdir(parents=True, exist_ok=True)
    write_csv(files / NEW_STARTERS, COHORT)
    departments = [("MINE", "Open Pit"), ("SHOP", "Workshop")]
    _write(
        files / "hr_extract.csv",
        (
            {
                "employee_number": starter.employee_number,
                "first_name": starter.first_name,
                "last_name": starter.last_name,
                "email_address": starter.email_address,
                "department_code": departments[index % 2][0],
                "department": departments[index % 2][1],
                "leads": "yes" if index < len(departments) else "no",
            }
            for index, starter in enumerate(COHORT)
        ),
    )
    _write(files / "leavers.csv", [{"employee_number": "E1037"}])
    day = (date.today() - timedelta(days=7)).isoformat()
    _write(
        files / "paper_records.csv",
        (
            {"employee_number": employee_number, "lesson": lesson, "day": day}
            for employee_number in ("E1013", "E1014")
            for lesson in ("Site Induction", "Manual Handling")
        ),
    )
    _write(files / "withdrawals.csv", [{"employee_number": f"E{_CREW[-1]}"}])
    attendance = ({"employee_number": f"E{user}", "attended": "yes", "passed": "yes"} for user in _CREW[:-1])
    _write(files / "attendance.csv", attendance)
    _write(files / "mitarbeiter.csv", _roster(), delimiter=";", encoding="cp1252")
    _write(files / "roster.csv", [_roster_row(user_id) for user_id in _CREW[:-1]])


def _roster() -> Iterator[dict[str, str]]:
    """Yield the German extract of a site: its crews without a leaver, one who returns, and a new one."""
    departments = {"Betonbau": (_CONCRETE_CREW, "E1007"), "Gerüstbau": ((*_CREW[:-1], _RETURNER), "E1010")}
    for department, (user_ids, manager) in departments.items():
        names = [(f"E{user_id}", *USERS[user_id - _FIRST_USER].name.split(" ", 1)) for user_id in user_ids]
        for number, first_name, last_name in [*names, (f"E9{user_ids[0]}", "Jürgen", f"Müßig-{department}")]:
            yield {
                "Personalnummer": number,
                "Vorname": first_name,
                "Nachname": last_name,
                "Abteilung": department,
                "Vorgesetzter": manager,
                "Kostenstelle": "4711",
            }


def _roster_row(user_id: int) -> dict[str, str]:
    first_name, last_name = USERS[user_id - _FIRST_USER].name.split(" ", 1)
    names = {"first_name": first_name, "last_name": last_name}
    return {"employee_number": f"E{user_id}", **names, "group": "Scaffolders"}


def _write(
    path: Path, rows: Iterable[Mapping[str, str]], *, delimiter: str = ",", encoding: str = "utf-8"
) -> None:
    rows = list(rows)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
