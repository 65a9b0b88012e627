"""State that outlives a try of a task, the process of a rescheduled sensor, or a DAG run, as JSON values.

============== =========================================== =================================
class          what keeps the values, from Airflow 3.3      below Airflow 3.3
============== =========================================== =================================
``TaskState``  the task state store of the task instance    memory: each process starts empty
``AssetState`` the state store of an inlet asset            an Airflow Variable
============== =========================================== =================================

Airflow shows the values to all users with access to the task or the asset: no personal data, no secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from logging import getLogger
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

log = getLogger(__name__)


class TaskState:
    """Values of one task instance, kept for its later tries and processes.

    Airflow's store belongs to the task instance: to one index of a mapped task, one iteration of a loop.

    :param context: the task's context. Without a task state store the values live as long as this object.
    """

    def __init__(self, context: Context | Mapping[str, Any] | None = None) -> None:
        store: Any = context.get("task_state_store") if context else None
        self._store = _MemoryStore() if store is None else store

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of this name, or the default."""
        return self._store.get(_key(name), default)

    def set(self, name: str, value: Any) -> None:
        """Store a value under a name; None is no value."""
        self._store.set(_key(name), value)

    def delete(self, name: str) -> None:
        """Delete a value, if there is one."""
        self._store.delete(_key(name))

    def append(self, name: str, items: list[int]) -> list[int]:
        """Append the items that a list does not contain yet, and return the list."""
        stored: list[int] = self.get(name, [])
        merged = list(dict.fromkeys([*stored, *items]))
        if merged != stored:
            self.set(name, merged)
        return merged


class AssetState:
    """One value that a DAG run leaves for the next.

    :param context: the task's context.
    :param asset: an inlet of the task, whose state store keeps the value; None if the task has none.
    :param name: what the value is, such as ``export``.
    :param fingerprint: hex digest that distinguishes this value from others of the same name.
    """

    def __init__(self, context: Context, *, asset: Asset | None, name: str, fingerprint: str) -> None:
        self._asset = asset
        self._store = _asset_store(context, asset)
        self._key = _key(f"{name}_{fingerprint[:32]}")

    def get(self) -> dict[str, Any] | None:
        """Return the value, or None if there is none yet.

        A value that was stored in a Variable before Airflow was updated to 3.3 counts.
        """
        from airflow.sdk import Variable

        stored: dict[str, Any] | None = self._store.get(self._key) if self._store is not None else None
        if stored is None:
            stored = Variable.get(self._key, default=None, deserialize_json=True)
        return stored

    def set(self, value: dict[str, Any]) -> None:
        """Store a value."""
        from airflow.sdk import Variable

        if self._store is not None and self._asset is not None:
            log.info("The state for the next DAG run is kept in the store of asset %s.", self._asset.name)
            self._store.set(self._key, value)
        else:
            log.info("The state for the next DAG run is kept in the Airflow Variable %s.", self._key)
            Variable.set(self._key, value, description="State of an incremental export", serialize_json=True)


def task_position(context: Context) -> list[int]:
    """Return what distinguishes a task from itself in the same DAG run, and is the same in the next run.

    :return: the map index, and in a loop (Airflow 3.4) the number of the iteration, from 0.
    """
    loop: Any = context.get("loop")
    position: list[int] = [getattr(context["ti"], "map_index", -1)]
    return position if loop is None else [*position, loop.index]


class _MemoryStore(dict[str, Any]):
    """The methods of Airflow's stores on a dictionary."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


def _key(name: str) -> str:
    return f"damstra_{name}"


def _asset_store(context: Context, asset: Asset | None) -> Any:
    stores = context.get("asset_state_store")
    if stores is None or asset is None:
        return None
    try:
        return stores[asset]
    except KeyError:
        # A mapped task has only the inlets that it was declared with.
        return None
