"""One use of an operator on the demo data: arguments, result and effects."""

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
"""Placeholder of the test's folder in arguments and results."""

CREATED = {"created": True, "existing": False}
"""XComs of an operator that created its object."""

EXISTING = {"created": False, "existing": True}
"""XComs of an operator that found its object."""

_VOLATILE_FIELDS = ("createdDate", "modifiedDate", "lessonStartedDate", "lessonCompletedDate")
_VOLATILE_SESSION_FIELDS = ("startDatetime", "endDatetime", "startDate", "endDate")


@dataclass(frozen=True, kw_only=True)
class OperatorCase:
    """One use of an operator on the emulator's demo data.

    :param name: distinguishes the cases of one operator.
    :param result: the return value, or a function of the test's folder that returns it.
    :param xcoms: the other XComs by key.
    :param changes: the changed rows, such as ``insert users``.
    :param affected_paths: paths of the API whose responses the changes affect.
    :param prepare: prepares the demo data.
    """

    operator: type[DamstraOperator]
    name: str = ""
    arguments: Mapping[str, Any]
    result: Any
    xcoms: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    affected_paths: tuple[str, ...] = ()
    prepare: Callable[[ApiClient], object] | None = None

    def __str__(self) -> str:
        return f"{self.operator.__name__}{self.name and f' {self.name}'}"

    def create_operator(self, folder: Path, **changes: Any) -> DamstraOperator:
        """Return a new operator with the case's arguments, some of them changed."""
        arguments = {**self.arguments, **changes}
        return self.operator(task_id="step", **_insert_folder(folder, arguments))

    def expected_outcome(self, folder: Path) -> Outcome:
        """Return the XComs that the operator must leave."""
        result = self.result(folder) if callable(self.result) else self.result
        value = _insert_folder(folder, result)
        parts = {
            key: value[key] for key in self.operator.xcom_keys if isinstance(value, dict) and key in value
        }
        return Outcome(value, {**self.xcoms, **parts})


@dataclass(frozen=True, kw_only=True)
class SideEffects:
    """The changed rows of the emulator, and the API's responses afterwards."""

    changes: Counter[str]
    responses: list[Any]


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A run without faults: method and path of its requests, and its effects."""

    requests: list[tuple[str, str]]
    effects: SideEffects

    @property
    def numbered_requests(self) -> list[tuple[str, str, int]]:
        """Return the requests, each with its number among those of the same method and path."""
        return [
            (*request, self.requests[:place].count(request)) for place, request in enumerate(self.requests, 1)
        ]

    @property
    def numbered_writes(self) -> list[tuple[str, str, int]]:
        """Return the numbered requests that are not GETs."""
        return [request for request in self.numbered_requests if request[0] != "GET"]


class Scenario:
    """Run one case against the emulator.

    :ivar recorded: the run of the case without faults.
    """

    recorded: RecordedRun

    def __init__(self, case: OperatorCase, emulator: DamstraEmulator, api: ApiClient, folder: Path) -> None:
        self.case = case
        self.emulator = emulator
        self.api = api
        self.folder = folder

    def set_up(self) -> None:
        """Reset the demo data, prepare it, and clear the journal."""
        self.emulator.reset()
        if self.case.prepare:
            self.case.prepare(self.api)
        self.emulator.clear_journal()

    def operator(self, **changes: Any) -> DamstraOperator:
        """Return a new operator with the case's arguments, some of them changed."""
        return self.case.create_operator(self.folder, **changes)

    def run(self, **changes: Any) -> Outcome:
        """Run a new operator once."""
        return run(self.operator(**changes))

    def record(self) -> RecordedRun:
        """Set up, run the operator once, and return the run."""
        self.set_up()
        self.run()
        requests = [(entry["method"], entry["path"]) for entry in self.emulator.journal()]
        return RecordedRun(requests=requests, effects=self.effects())

    def effects(self) -> SideEffects:
        """Return the effects since the set-up."""
        changes = changes_in(self.emulator)
        responses = [_without_dates(self.api.get_json(path)) for path in self.case.affected_paths]
        return SideEffects(changes=changes, responses=responses)

    @property
    def expected(self) -> Outcome:
        """Return the XComs that the operator must leave."""
        return self.case.expected_outcome(self.folder)

    def verify(self, outcome: Outcome) -> None:
        """Compare XComs and effects with those of the run without faults."""
        assert self.effects() == self.recorded.effects
        assert outcome == self.expected


def changes_in(emulator: DamstraEmulator) -> Counter[str]:
    """Return the numbers of inserted, updated and deleted rows of each table."""
    rows = [row for entry in emulator.journal() for row in entry["rows"]]
    return Counter(f"{row['action']} {row['table']}" for row in rows)


def _insert_folder(folder: Path, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(FOLDER, f"{folder}/")
    if isinstance(value, dict):
        return {name: _insert_folder(folder, one) for name, one in value.items()}
    return value


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_dates(one)
            for name, one in value.items()
            if name not in (*_VOLATILE_FIELDS, *_VOLATILE_SESSION_FIELDS)
        }
    return [_without_dates(one) for one in value] if isinstance(value, list) else value
