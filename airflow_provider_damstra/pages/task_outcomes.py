"""Outcomes of the tries of this provider's tasks, by connection, from Airflow's metadata database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields as RenderedFields
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import JSON, and_, func, select, type_coerce

TASKS = "Damstra%"
FAILED = (TaskInstanceState.FAILED, TaskInstanceState.UP_FOR_RETRY)
ENDED = (*FAILED, TaskInstanceState.SUCCESS)


@dataclass
class TryCounts:
    """Numbers of tries that have ended."""

    failed: int = 0
    succeeded: int = 0

    @property
    def failed_percent(self) -> float | None:
        """Return the share of failed tries in percent, or None without any try."""
        total = self.failed + self.succeeded
        return 100 * self.failed / total if total else None


def count_tries(dag_ids: Collection[str], *, since: datetime) -> dict[str | None, TryCounts]:
    """Return the numbers of tries that have ended since a time, by connection id.

    The connection of a task is in its rendered fields, which Airflow keeps of the last runs of a task
    (``[core] max_num_rendered_ti_fields_per_task``); the key None is for the others.

    :param dag_ids: DAGs whose tasks are counted.
    :return: nothing on the pre-releases of Airflow 3.4, which keep tries and rendered fields in other tables.
    """
    try:
        from airflow.models.taskinstancehistory import TaskInstanceHistory
    except ModuleNotFoundError:
        return {}
    counts: dict[str | None, TryCounts] = defaultdict(TryCounts)
    with create_session() as session:
        # Earlier tries of a task are in the history.
        for model in (TaskInstance, TaskInstanceHistory):
            for conn_id, state, count in session.execute(_query(model, dag_ids, since)):
                if state in FAILED:
                    counts[conn_id].failed += count
                else:
                    counts[conn_id].succeeded += count
    return dict(counts)


def _query(model: Any, dag_ids: Collection[str], since: datetime) -> Any:
    conn_id = type_coerce(RenderedFields.rendered_fields, JSON)["damstra_conn_id"].as_string()
    names = ("dag_id", "task_id", "run_id", "map_index")
    is_same = and_(*(getattr(RenderedFields, name) == getattr(model, name) for name in names))
    tries = (
        select(conn_id.label("conn_id"), model.state.label("state"))
        .select_from(model)
        .outerjoin(RenderedFields, is_same)
        .where(
            model.dag_id.in_(dag_ids),
            model.operator.like(TASKS),
            model.end_date >= since,
            model.state.in_(ENDED),
        )
        .subquery()
    )
    # Of a subquery, because PostgreSQL compares expressions with bound parameters as different ones.
    return select(tries.c.conn_id, tries.c.state, func.count()).group_by(tries.c.conn_id, tries.c.state)
