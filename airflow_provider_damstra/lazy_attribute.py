"""A class attribute that is computed when it is read, for plugins that all Airflow processes import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class LazyClassAttribute:
    """Descriptor of a class attribute that is computed when it is read; the standard library has none.

    :param compute: returns the value.
    """

    def __init__(self, compute: Callable[[], list[dict[str, Any]]]) -> None:
        self._compute = compute

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        return self._compute()
