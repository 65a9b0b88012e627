"""Faults that affect one of several similar requests."""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.testing import DamstraEmulator

SERVER_ERROR = {"internalCode": 500, "error": "Internal Server Error"}
LOST_RESPONSE: dict[str, Any] = {"kind": "drop_after"}
FAULTS: dict[str, dict[str, Any]] = {
    "not handled, no response": {"kind": "drop_before"},
    "handled, no response": LOST_RESPONSE,
    "handled, truncated response": {"kind": "truncate"},
    "503": {"kind": "status", "status": 503, "body": SERVER_ERROR},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
}


def inject_fault(
    emulator: DamstraEmulator, fault: Mapping[str, Any], *, method: str, path: str, number: int = 1
) -> None:
    """Have the request of a number fail among those with a method and path."""
    emulator.add_fault(**fault, method=method, path=path, count=1, probability=0.5, seed=_seed_for(number))


def _seed_for(number: int) -> int:
    """Return a seed with which a fault of probability 0.5 first hits the request of a number."""
    return next(seed for seed in count() if _first_hit(random.Random(seed)) == number)  # noqa: S311 (a coin)


def _first_hit(coin: random.Random) -> int:
    return next(toss for toss in count(1) if coin.random() < 0.5)
