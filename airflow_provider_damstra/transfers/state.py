"""What outlasts a DAG run: in the state store of an asset (Airflow 3.3), else in an Airflow Variable."""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context


log = getLogger(__name__)


class KeptState:
    """A value that one DAG run leaves for the next.

    :param context: the task's context.
    :param asset: an inlet of the task, in whose store the value is, or None if it has none.
    :param key: what the value is called.
    """

    def __init__(self, context: Context, *, asset: Asset | None, key: str) -> None:
        self._asset = asset
        self._store = _store_of(context, asset)
        self._key = key

    def get(self) -> dict[str, Any] | None:
        """Return the value, or None if there is none yet; also one from before Airflow was updated to 3.3."""
        from airflow.sdk import Variable

        kept: dict[str, Any] | None = self._store.get(self._key) if self._store is not None else None
        if kept is None:
            kept = Variable.get(self._key, default=None, deserialize_json=True)
        return kept

    def set(self, value: dict[str, Any]) -> None:
        """Keep a value."""
        from airflow.sdk import Variable

        if self._store is not None and self._asset is not None:
            log.info("What the next DAG run goes on from is kept in the store of asset %s.", self._asset.name)
            self._store.set(self._key, value)
        else:
            log.info("What the next DAG run goes on from is kept in the Airflow Variable %s.", self._key)
            Variable.set(self._key, value, description="Where an export goes on", serialize_json=True)


def _store_of(context: Context, asset: Asset | None) -> Any:
    stores = context.get("asset_state_store")
    if stores is None or asset is None:
        return None
    try:
        return stores[asset]
    except KeyError:
        # A mapped task: its assets are those that it was declared with.
        return None
