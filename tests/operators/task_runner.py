"""Runs an operator as a worker does: renders its templates, passes the safeguard, executes it once."""

from __future__ import annotations

import contextvars
import json
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.bases.operator import ExecutorSafeguard

from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.definitions.mappedoperator import MappedOperator


@dataclass
class Outcome:
    """What a task leaves in XCom: what it returned, and what it pushed by name."""

    value: Any = None
    xcoms: dict[str, Any] = field(default_factory=dict)


@dataclass
class TaskInstance:
    """What operators see of the task instance that runs them."""

    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    dag_id: str = ""
    task_id: str = ""
    run_id: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    task: BaseOperator | None = None
    outcome: Outcome = field(default_factory=Outcome)

    def xcom_push(self, key: str, value: Any) -> None:
        """Take what an operator pushes by name."""
        self.outcome.xcoms[key] = json_round_trip(value)

    def get_task_states(
        self, *, dag_id: str, task_ids: list[str], map_index: int, run_ids: list[str]
    ) -> dict[str, dict[str, str]]:
        """Return what Airflow knows of a task in DAG runs."""
        assert (dag_id, task_ids) == (self.dag_id, [self.task_id])
        return {one: {self.task_id: self.states[one]} for one in run_ids if one in self.states}


def json_round_trip(value: Any) -> Any:
    """Return the value, which must come out of JSON as it went in."""
    assert json.loads(json.dumps(value)) == value
    return value


def run(
    operator: BaseOperator | MappedOperator,
    *,
    map_index: int = -1,
    run_after: datetime | None = None,
    try_number: int = 1,
    max_tries: int = 0,
    states: Mapping[str, str] | None = None,
    **context: Any,
) -> Outcome:
    """Run one attempt and return what it left.

    :param map_index: of a mapped operator, the number of the task.
    :param run_after: when the DAG run was to begin.
    :param try_number: of this attempt, from 1.
    :param max_tries: how often the task is tried again.
    :param states: what Airflow says of the task in other DAG runs, by their ids.
    :param context: what templates can name.
    """
    ti = TaskInstance(
        map_index,
        try_number,
        max_tries,
        dag_id=operator.dag_id,
        task_id=operator.task_id,
        run_id=str(context.get("run_id", "")),
        states=states or {},
    )
    dag_run = SimpleNamespace(conf={}, run_after=run_after, start_date=run_after, logical_date=run_after)
    whole = cast("Context", {"ti": ti, "dag": operator.get_dag(), "dag_run": dag_run, **context})
    operator.render_template_fields(whole)
    task = ti.task or cast("BaseOperator", operator)
    in_task = contextvars.copy_context()
    in_task.run(ExecutorSafeguard.tracker.set, task)
    ti.outcome.value = json_round_trip(in_task.run(task.execute, whole))
    return ti.outcome


class StateStore(dict[str, Any]):
    """What Airflow keeps of a task over its attempts."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self[key] = json_round_trip(value)

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.pop(key, None)


def run_with_retries(make: Callable[[], BaseOperator], *, retries: int = 1) -> Outcome:
    """Run an operator and, while it fails with what Airflow tries again, a fresh one, as Airflow would."""
    store = StateStore()
    for _ in range(retries):
        with suppress(DamstraError):
            return run(make(), task_state_store=store)
    return run(make(), task_state_store=store)


def fail_fast_message(operator: BaseOperator, **context: Any) -> str:
    """Run an operator that has to fail at once, and return why."""
    with pytest.raises(AirflowFailException) as caught:
        run(operator, **context)
    return str(caught.value)


def error_message(operator: BaseOperator, kind: type[DamstraError] = DamstraError) -> str:
    """Run an operator that has to fail with an error of Damstra's, and return why.

    Where retrying is useless the task fails at once, because of that error.
    """
    with pytest.raises((kind, AirflowFailException)) as caught:
        run(operator)
    assert isinstance(caught.value.__cause__ or caught.value, kind)
    return str(caught.value)


def rejection_message(kind: type[BaseOperator], arguments: Mapping[str, Any]) -> str:
    """Make and run an operator that has to be refused, in the DAG file or at once in the task; return why."""
    try:
        operator = kind(task_id="refused", **arguments)
    except ValueError as problem:
        return str(problem)
    return fail_fast_message(operator)
