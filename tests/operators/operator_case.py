"""One use of an operator: what it is given, what it returns and what it changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.operators.task_runner import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_damstra.operators.base import DamstraOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

FOLDER = "FOLDER/"
"""Stands in arguments and results for the folder of the test."""

_MOVING = ("createdDate", "modifiedDate", "lessonStartedDate", "lessonCompletedDate")
_MOVING_TOO = ("startDatetime", "endDatetime", "startDate", "endDate")


@dataclass(frozen=True, kw_only=True)
class OperatorCase:
    """One use of an operator on the emulator's demo data.

    :param name: what tells it from the operator's other cases.
    :param result: what it returns, or what finds that out in the folder afterwards.
    :param xcoms: what it pushes by name.
    :param changes: the rows it changes, as ``insert users``.
    :param shows: the listings and things of the API that show what it changed.
    :param prepare: what is done before.
    """

    operator: type[DamstraOperator]
    name: str = ""
    arguments: Mapping[str, Any]
    result: Any
    xcoms: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    prepare: Callable[[ApiClient], object] | None = None

    def __str__(self) -> str:
        return f"{self.operator.__name__}{self.name and f' {self.name}'}"

    def make(self, folder: Path, **changes: Any) -> DamstraOperator:
        """Return a new operator with the arguments, some of them changed."""
        arguments = {**self.arguments, **changes}
        return self.operator(task_id="step", **_in(folder, arguments))

    def expected(self, folder: Path) -> Outcome:
        """Return what the operator has to leave in XCom."""
        result = self.result(folder) if callable(self.result) else self.result
        return Outcome(_in(folder, result), dict(self.xcoms))

    def begin(self, emulator: DamstraEmulator, api: ApiClient) -> None:
        """Set the stage: the demo's data, what is done before, and an empty journal."""
        emulator.reset()
        if self.prepare:
            self.prepare(api)
        emulator.clear_journal()

    def run_once(
        self, emulator: DamstraEmulator, api: ApiClient, folder: Path
    ) -> tuple[Outcome, SideEffects]:
        """Set the stage, run the operator once, and return what it left."""
        self.begin(emulator, api)
        outcome = run(self.make(folder))
        return outcome, SideEffects.of(emulator, api, self)


@dataclass(frozen=True, kw_only=True)
class SideEffects:
    """What happened in the emulator: the rows that were changed, and what the API shows afterwards."""

    changes: Counter[str]
    shown: list[Any]

    @classmethod
    def of(cls, emulator: DamstraEmulator, api: ApiClient, case: OperatorCase) -> SideEffects:
        """Return what happened since the stage was set."""
        changes = changes_in(emulator)
        return cls(changes=changes, shown=[_without_dates(api.get_json(path)) for path in case.shows])


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """The course of a case: method and path of its requests, and what is there afterwards."""

    requests: list[tuple[str, str]]
    trace: SideEffects

    @classmethod
    def of(cls, emulator: DamstraEmulator, api: ApiClient, case: OperatorCase) -> RecordedRun:
        """Return what happened since the stage was set."""
        requests = [(entry["method"], entry["path"]) for entry in emulator.journal()]
        return cls(requests=requests, trace=SideEffects.of(emulator, api, case))

    @property
    def all_turns(self) -> list[tuple[str, str, int]]:
        """Return for each request which of those like it it is."""
        return [
            (*request, self.requests[:place].count(request)) for place, request in enumerate(self.requests, 1)
        ]

    @property
    def turns(self) -> list[tuple[str, str, int]]:
        """Return that for each request that is to change something."""
        return [turn for turn in self.all_turns if turn[0] != "GET"]


def changes_in(emulator: DamstraEmulator) -> Counter[str]:
    """Return how many rows of each table were inserted, updated and deleted."""
    rows = [row for entry in emulator.journal() for row in entry["rows"]]
    return Counter(f"{row['action']} {row['table']}" for row in rows)


def _in(folder: Path, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(FOLDER, f"{folder}/")
    if isinstance(value, dict):
        return {name: _in(folder, one) for name, one in value.items()}
    return value


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_dates(one) for name, one in value.items() if name not in (*_MOVING, *_MOVING_TOO)
        }
    return [_without_dates(one) for one in value] if isinstance(value, list) else value
