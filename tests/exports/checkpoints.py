"""Small checkpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.checkpoint import Checkpoint
from airflow_provider_damstra.exports.reader import RowPage

if TYPE_CHECKING:
    from airflow_provider_damstra.storage import StoragePath

ONE, TWO, THREE = 1011, 1012, 1013


def open_checkpoint(folder: StoragePath, *, fingerprint: str = "users") -> Checkpoint:
    return Checkpoint(folder, fingerprint=fingerprint)


def row_page(parent_id: int, *ids: int, is_last: bool = False) -> RowPage:
    return RowPage(parent_id, rows=[b'{"id":%d}' % one for one in ids], is_last=is_last)


def ids_in(checkpoint: Checkpoint) -> list[int]:
    return [json.loads(row)["id"] for rows in checkpoint.rows() for row in rows]
