"""XComs of a task that is in the triggerer."""

from __future__ import annotations

from typing import Any


class TaskInstanceInTriggerer:
    """A task instance whose ``xcom_pull`` asks for one XCom after the other.

    Without ``map_indexes`` Airflow asks for all of them at once, a query that the triggerer of 3.3.2 does
    not understand and never answers: the task would hang without a word.

    :param task_instance: the one in the context of the templates.
    """

    def __init__(self, task_instance: Any) -> None:
        self._task_instance = task_instance

    def __getattr__(self, name: str) -> Any:
        """Return whatever else a template may want of a task instance."""
        return getattr(self._task_instance, name)

    def xcom_pull(self, task_ids: Any = None, dag_id: str | None = None, **arguments: Any) -> Any:
        """Return what one task pushed, or a list of what its mapped instances did."""
        pull = self._task_instance.xcom_pull
        if "map_indexes" in arguments:
            return pull(task_ids, dag_id, **arguments)
        found = pull(task_ids, dag_id, map_indexes=None, **arguments)
        if found is not None or not isinstance(task_ids, str):
            return found
        count = self._task_instance.get_ti_count(
            dag_id=dag_id or self.dag_id,
            task_ids=[task_ids],
            run_ids=[arguments.get("run_id") or self.run_id],
        )
        values = pull(task_ids, dag_id, map_indexes=range(count), **arguments)
        return [value for value in values if value is not None] or None


async def push_result(task_instance: Any, result: Any) -> bool:
    """Push what a task returns as a worker would, and return whether that could be done from here.

    The XComs of a ``TaskSuccessEvent`` reach the next task as texts, and go past an XCom backend. How many
    tasks the result is to be mapped to can only be said by a worker.

    :param task_instance: the trigger's.
    """
    from airflow.providers.common.compat.sdk import XCom

    if task_instance is None or not hasattr(XCom, "aset"):
        return False
    task = getattr(task_instance, "task", None)
    if task and not _pushes(task):
        return True
    if task and task_instance.map_index < 0 and next(task.iter_mapped_dependants(), None):
        return False
    place = {name: getattr(task_instance, name) for name in ("dag_id", "task_id", "run_id", "map_index")}
    await XCom.aset(key="return_value", value=result, **place)
    return True


def _pushes(task: Any) -> bool:
    """Return whether a task's result is to be kept. A mapped one says so among what is the same for all."""
    for_all = getattr(task, "partial_kwargs", {})
    return bool(getattr(task, "do_xcom_push", for_all.get("do_xcom_push", True)))
