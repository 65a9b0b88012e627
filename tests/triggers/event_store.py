"""An asset's state store, as far as the event trigger uses it, and what goes wrong with it."""

from __future__ import annotations

import json
from typing import Any


class Store(dict[str, str]):
    """It keeps JSON, as Airflow's does.

    :param invalid_response: how often it cannot be read.
    :param unwritable: how often it cannot be written.
    """

    def __init__(self, content: Any = (), *, invalid_response: int = 0, unwritable: int = 0) -> None:
        super().__init__(content)
        self._unreadable = invalid_response
        self._unwritable = unwritable

    async def aget(self, key: str) -> Any:
        """Return what is kept, or None."""
        if self._unreadable:
            self._unreadable -= 1
            raise RuntimeError("The API server is away.")
        return json.loads(self[key]) if key in self else None

    async def aset(self, key: str, value: Any) -> None:
        """Keep a value."""
        if self._unwritable:
            self._unwritable -= 1
            raise RuntimeError("The API server is away.")
        self[key] = json.dumps(value)
