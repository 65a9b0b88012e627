"""A trigger that measures how late the triggerer's event loop runs what is due."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INTERVAL = 0.1
"""Seconds between two samples."""

SAMPLES_PER_WRITE = 50


class LagTrigger(BaseTrigger):
    """Append the lag of each sample, in milliseconds, to a file for each process, until a file exists.

    :param folder: path of the folder for the files; ``stop`` in it ends the trigger.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return (f"{type(self).__module__}.{type(self).__qualname__}", {"folder": self.folder})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Measure until the file ``stop`` exists."""
        folder = Path(self.folder)
        lags: list[float] = []
        while not (folder / "stop").exists():
            lags.clear()
            for _ in range(SAMPLES_PER_WRITE):
                before = time.perf_counter()
                await asyncio.sleep(INTERVAL)
                lags.append((time.perf_counter() - before - INTERVAL) * 1000)
            with (folder / f"{os.getpid()}.txt").open("a") as file:
                file.writelines(f"{lag:.1f}\n" for lag in lags)
        yield TriggerEvent("stopped")  # type: ignore[no-untyped-call]
