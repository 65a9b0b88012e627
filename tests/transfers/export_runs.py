"""Exports of several DAG runs into one folder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath

from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.operators.task_runner import StateStore, run

if TYPE_CHECKING:
    from airflow.sdk import Asset


class ExportRuns:
    """A folder into which one DAG run after the other exports, and Airflow's state stores of assets.

    :ivar context: the asset state stores in the context (from Airflow 3.3); empty for older versions.
    """

    def __init__(self, folder: str) -> None:
        self.folder = ObjectStoragePath(folder)
        self.stores: dict[str, StateStore] = {}
        self.context: dict[str, Any] = {"asset_state_store": self}

    def __getitem__(self, asset: Asset) -> StateStore:
        return self.stores.setdefault(asset.name, StateStore())

    def operator(self, **arguments: Any) -> DamstraExportOperator:
        given: dict[str, Any] = {
            "target_path": str(self.folder / "{{ run_id }}.jsonl"),
            "incremental": True,
            **arguments,
        }
        return DamstraExportOperator(task_id="export", **given)

    def export(self, run_id: str, *, number: int = 1, day: int | None = None, **arguments: Any) -> Any:
        """Export in a DAG run.

        :param number: the try number.
        :param day: the day of March 2026 that is the DAG run's ``run_after``.
        """
        return run(
            self.operator(**arguments),
            run_id=run_id,
            run_after=datetime(2026, 3, day, tzinfo=UTC) if day else None,
            try_number=number,
            **self.context,
        ).value

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_bytes().splitlines()]

    def ids(self, run_id: str) -> list[int]:
        return [row["id"] for row in self.rows(f"{run_id}.jsonl")]

    def hidden(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.startswith(".")]
