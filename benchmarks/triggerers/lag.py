"""A trigger that measures the lag of its triggerer's event loop."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

TICK = 0.05
"""Seconds between two samples."""

WRITE_INTERVAL = 2.0
"""Seconds between two writes to the file."""


class LoopLagTrigger(BaseTrigger):
    """Writes samples of the lag to one file for each process; further triggers of the process do nothing.

    :param folder: folder of the files.
    """

    is_sampling = False

    def __init__(self, folder: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"folder": self.folder}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        if LoopLagTrigger.is_sampling:
            await asyncio.Event().wait()
        LoopLagTrigger.is_sampling = True
        file = Path(self.folder) / f"{os.getpid()}.jsonl"
        while True:
            lags: list[float] = []
            end = time.monotonic() + WRITE_INTERVAL
            while (before := time.monotonic()) < end:
                await asyncio.sleep(TICK)
                lags.append(time.monotonic() - before - TICK)
            line = {"at": time.time(), "tasks": len(asyncio.all_tasks()), "lags": lags}
            with file.open("a") as output:
                output.write(f"{json.dumps(line)}\n")
        yield  # an asynchronous generator, which never yields
