"""What is kept of an export, in small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.checkpoint import Checkpoint
from airflow_provider_damstra.exports.reader import Batch

if TYPE_CHECKING:
    from airflow_provider_damstra.storage import StoragePath

ONE, TWO, THREE = 1011, 1012, 1013


def opened(folder: StoragePath, *, arguments: str = "users") -> Checkpoint:
    return Checkpoint(folder, arguments=arguments, writes_through=folder.is_local)


def page(parent_id: int, *numbers: int, is_last: bool = False) -> Batch:
    return Batch(parent_id, rows=[b'{"id":%d}' % one for one in numbers], is_last_of_parent=is_last)


def numbers(checkpoint: Checkpoint) -> list[int]:
    return [json.loads(row)["id"] for rows in checkpoint.rows() for row in rows]
