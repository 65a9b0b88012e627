"""Run an operator as a worker does: render its templates, pass the executor safeguard, execute it once."""

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
    """The XComs of a task: its return value, and the others by key."""

    value: Any = None
    xcoms: dict[str, Any] = field(default_factory=dict)


@dataclass
class TaskInstance:
    """The part of Airflow's task instance that operators use."""

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
        """Store an XCom."""
        self.outcome.xcoms[key] = json_round_trip(value)

    def get_task_states(
        self, *, dag_id: str, task_ids: list[str], map_index: int, run_ids: list[str]
    ) -> dict[str, dict[str, str]]:
        """Return the states of the task in other DAG runs."""
        assert (dag_id, task_ids) == (self.dag_id, [self.task_id])
        return {one: {self.task_id: self.states[one]} for one in run_ids if one in self.states}


def json_round_trip(value: Any) -> Any:
    """Return the value, which must survive JSON unchanged."""
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
    """Run one try and return its XComs.

    :param map_index: index of a mapped task.
    :param run_after: scheduled start of the DAG run.
    :param try_number: number of the try, from 1.
    :param max_tries: retries of the task.
    :param states: states of the task in other DAG runs, by run id.
    :param context: more variables of the template context.
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
    """A state store of Airflow, in memory."""

    def set(self, key: str, value: Any) -> None:
        """Store a value."""
        self[key] = json_round_trip(value)

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.pop(key, None)


def run_with_retries(make: Callable[[], BaseOperator], *, retries: int = 1) -> Outcome:
    """Run an operator, and a new one after each error that Airflow would retry."""
    store = StateStore()
    for _ in range(retries):
        with suppress(DamstraError):
            return run(make(), task_state_store=store)
    return run(make(), task_state_store=store)


def fail_fast_message(operator: BaseOperator, **context: Any) -> str:
    """Run an operator that must fail without a retry, and return the message."""
    with pytest.raises(AirflowFailException) as caught:
        run(operator, **context)
    return str(caught.value)


def error_message(operator: BaseOperator, kind: type[DamstraError] = DamstraError) -> str:
    """Run an operator that must fail with a Damstra error, and return the message.

    A permanent error is the cause of an ``AirflowFailException``.
    """
    with pytest.raises((kind, AirflowFailException)) as caught:
        run(operator)
    assert isinstance(caught.value.__cause__ or caught.value, kind)
    return str(caught.value)


def rejection_message(kind: type[BaseOperator], arguments: Mapping[str, Any]) -> str:
    """Create and run an operator that must be rejected, at parse time or in the task; return the message."""
    try:
        operator = kind(task_id="refused", **arguments)
    except ValueError as problem:
        return str(problem)
    return fail_fast_message(operator)
