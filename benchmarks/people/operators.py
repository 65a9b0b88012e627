"""The measured operators, and a context that counts what they store in Airflow."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks.people.scenario import LESSON_IDS, TOP_GROUP_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_damstra.operators.base import DamstraOperator


class Stored:
    """Bytes that an operator stores in Airflow: the task state of all writes, and XComs."""

    def __init__(self) -> None:
        self.state = self.xcoms = 0
        self._values: dict[str, Any] = {}
        self.context: Any = {
            "ti": SimpleNamespace(task_id="people", xcom_push=self._push),
            "task_state_store": self,
        }

    def get(self, key: str, default: Any) -> Any:
        """Return a value of the task state."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Store a value of the task state."""
        self.state += len(json.dumps(value))
        self._values[key] = value

    def _push(self, *, key: str, value: Any) -> None:
        self.xcoms += len(json.dumps(value))

    def run(self, operator: DamstraOperator) -> Any:
        """Return the result of an operator."""
        from airflow_provider_damstra.task_state import TaskState

        operator.task_state = TaskState(self.context)
        result = operator._execute(self.context)
        self.xcoms += len(json.dumps(result))
        return result


def _upsert(stored: Stored, extract: Path, target: Path) -> int:
    from airflow_provider_damstra.operators.user import DamstraUpsertUsersOperator

    operator = DamstraUpsertUsersOperator(
        task_id="people",
        users_path=str(extract),
        ignored_columns=["department", "manager"],
        result_path=str(target),
    )
    rows: int = stored.run(operator)["rows"]
    return rows


def _sync(stored: Stored, extract: Path, target: Path, *, dry_run: bool) -> int:
    from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator

    operator = DamstraSyncUsersOperator(
        task_id="people",
        users_path=str(extract),
        group_id=TOP_GROUP_ID,
        include_child_groups=True,
        group_column="department",
        manager_column="manager",
        create_groups=True,
        dry_run=dry_run,
        plan_path=str(target),
    )
    counts: dict[str, int] = stored.run(operator)["counts"]
    return counts["created"] * 100


def _schedule(stored: Stored, extract: Path, target: Path) -> int:
    from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator

    operator = DamstraScheduleLessonsOperator(
        task_id="people",
        user_ids=json.loads(extract.read_text()),
        lesson_ids=LESSON_IDS[:2],
        result_path=str(target),
    )
    rows: int = stored.run(operator)["rows"]
    return rows


def _matrix(stored: Stored, extract: Path, target: Path) -> int:
    from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator

    operator = DamstraTrainingMatrixOperator(
        task_id="people",
        group_id=TOP_GROUP_ID,
        requirements=[{"lessons": list(LESSON_IDS), "all": True, "valid_for": "12 months"}],
        at="2026-06-01T00:00:00+08:00",
        include_inactive=True,
        target_path=str(target),
    )
    people: int = stored.run(operator)["people"]
    return people


OPERATORS: dict[str, Callable[[Stored, Path, Path], int]] = {
    "upsert, all new": _upsert,
    "upsert, unchanged": _upsert,
    "sync, plan": lambda stored, extract, target: _sync(stored, extract, target, dry_run=True),
    "sync, apply": lambda stored, extract, target: _sync(stored, extract, target, dry_run=False),
    "schedule": _schedule,
    "matrix": _matrix,
}
"""Each returns the number of people, given what counts, the extract, and the file to write."""
