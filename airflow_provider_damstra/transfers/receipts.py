"""Receipts of delivered completions: one small JSON file for each, in a folder on any storage."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.storage import StoragePath, validate_writable_path
from airflow_provider_damstra.storage_errors import describe_storage_errors

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.completions.delivery import ReceiptState
    from airflow_provider_damstra.storage import TaskTry

_TEST_NAME = "test.json"


class ReceiptFolder:
    """The receipts of one target. Tasks and DAG runs may use a folder concurrently.

    A receipt is written after the delivery and never changed, except by a later delivery. Its file name
    contains the id of the lesson schedule and a hash of Damstra's address and the target. One that cannot be
    read, because a process died while it wrote it, does not count.

    :param path: path or URL of the folder.
    :param base_url: URL of the API that completions are read from.
    :param target: what they are delivered to, such as the address of an endpoint.
    :param task_try: the task try that delivers.
    :raises ValueError: naming the argument, if no file can be written there.
    """

    def __init__(self, path: str, *, base_url: str, target: str, task_try: TaskTry) -> None:
        if not str(path or "").strip("/ "):
            raise ValueError(f"receipt_path is {path!r}; it is the path or URL of a folder")
        self._folder = StoragePath(path.rstrip("/"))
        validate_writable_path("receipt_path", f"{self._folder}/{_TEST_NAME}", task_try=task_try)
        with describe_storage_errors(f"receipt_path {path!r} cannot be created"):
            self._folder.mkdir()
        self._base_url = base_url
        self._target = target
        self._suffix = sha256(f"{base_url} {target}".encode()).hexdigest()[:12]
        self._task = task_try.task

    def state(self, lesson_schedule_id: int) -> ReceiptState:
        """Return whether a completion has a receipt.

        :raises OSError: if the storage cannot be read.
        """
        from airflow_provider_damstra.exports.completions.delivery import ReceiptState

        receipt = self._read(self._file(lesson_schedule_id))
        if receipt is None:
            return ReceiptState.MISSING
        return ReceiptState.OWN if receipt.get("task") == self._task else ReceiptState.OTHER

    def key(self, lesson_schedule_id: int) -> str:
        """Return the idempotency key of a completion."""
        from airflow_provider_damstra.exports.completions.completion import idempotency_key

        return idempotency_key(self._base_url, lesson_schedule_id)

    def add(self, lesson_schedule_id: int, **facts: Any) -> None:
        """Write the receipt of a completion that was delivered.

        :param facts: what the response contained; no data about the person.
        :raises OSError: if the storage rejects the file.
        """
        receipt = {
            "lesson_schedule_id": lesson_schedule_id,
            "idempotency_key": self.key(lesson_schedule_id),
            "delivered_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "target": self._target,
            "task": self._task,
            **facts,
        }
        file = self._file(lesson_schedule_id)
        # FileExistsError: another task writes the same receipt.
        with (
            describe_storage_errors(f"The receipt {file} cannot be written", is_retryable=True),
            suppress(FileExistsError),
        ):
            file.write_bytes(json.dumps(receipt).encode() + b"\n")

    def _file(self, lesson_schedule_id: int) -> StoragePath:
        return self._folder / f"{lesson_schedule_id}-{self._suffix}.json"

    def _read(self, file: StoragePath) -> dict[str, Any] | None:
        with describe_storage_errors(f"The receipt {file} cannot be read", is_retryable=True):
            try:
                receipt = json.loads(file.read_bytes())
            except (FileNotFoundError, ValueError):
                return None
        return receipt if isinstance(receipt, dict) else None
