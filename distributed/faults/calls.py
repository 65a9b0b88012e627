"""Faults of the emulator's responses: one call in ten."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.emulator_instance import EmulatorApi

SHARE = 0.1
_KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 503, "body": {"internalCode": 500, "error": "Internal Server Error"}},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "delay", "delay": 1.0},
    {"kind": "truncate"},
)


def inject(api: EmulatorApi, *, seeds: Sequence[int]) -> None:
    """Make a tenth of all calls fail, in equal shares of six kinds and of the seeds."""
    probability = SHARE / len(_KINDS) / len(seeds)
    for seed in seeds:
        for number, kind in enumerate(_KINDS):
            rule = {**kind, "probability": probability, "seed": seed * len(_KINDS) + number}
            api.control("POST", "/faults", rule)


def hits(api: EmulatorApi) -> Counter[str]:
    """Return how many calls each kind of fault has affected since the emulator's last start."""
    counts: Counter[str] = Counter()
    for rule in api.control("GET", "/faults").json():
        counts[str(rule.get("status", rule["kind"]))] += rule["hits"]
    return counts


def remove(api: EmulatorApi) -> None:
    """Remove all faults."""
    api.control("DELETE", "/faults")
