"""An export operator, and the rows in its file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.transfers.export import DamstraExportOperator

if TYPE_CHECKING:
    from pathlib import Path


def export_operator(path: Path | str, resource: str = "users", **arguments: Any) -> DamstraExportOperator:
    return DamstraExportOperator(task_id="export", resource=resource, target_path=str(path), **arguments)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
