"""Reading and writing XComs of a task that runs in the triggerer."""

from __future__ import annotations

from typing import Any


class TaskInstanceInTriggerer:
    """A task instance whose ``xcom_pull`` works in the triggerer.

    Without ``map_indexes`` Airflow sends a request for all XComs together, which the triggerer of 3.3.2 does
    not support and never responds to, so that the task would hang. This sends one request for each XCom.

    :param task_instance: the task instance in the context of the templates.
    """

    def __init__(self, task_instance: Any) -> None:
        self._task_instance = task_instance

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the task instance, for templates."""
        return getattr(self._task_instance, name)

    def xcom_pull(self, task_ids: Any = None, dag_id: str | None = None, **arguments: Any) -> Any:
        """Return the XCom of a task, or a list of those of its mapped task instances."""
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
    """Push a task's return value as a worker would, and return whether the triggerer can do that.

    The XComs of a ``TaskSuccessEvent`` are not used: they reach the next task as strings and bypass the XCom
    backend. A result over which other tasks are mapped is left to a worker, which records its length.

    :param task_instance: task instance of the trigger, or None without a triggerer.
    :param result: the value, fit for XCom.
    """
    from airflow.providers.common.compat.sdk import XCom

    if task_instance is None or not hasattr(XCom, "aset"):
        return False
    task = getattr(task_instance, "task", None)
    if task and not _pushes_xcom(task):
        return True
    if task and task_instance.map_index < 0 and next(task.iter_mapped_dependants(), None):
        return False
    names = ("dag_id", "task_id", "run_id", "map_index")
    await XCom.aset(
        key="return_value", value=result, **{name: getattr(task_instance, name) for name in names}
    )
    return True


def _pushes_xcom(task: Any) -> bool:
    """Return the task's ``do_xcom_push``, which a mapped task has in its ``partial_kwargs``."""
    default = getattr(task, "partial_kwargs", {}).get("do_xcom_push", True)
    return bool(getattr(task, "do_xcom_push", default))
