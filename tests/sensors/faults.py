"""Faults of requests, and the messages with which tasks report them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.testing import DamstraEmulator

SHORT = 0.15
"""Timeout of the connection in seconds, for slow responses; connecting takes less even under load."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of the emulator.

    :param rule: the emulator's fault rule.
    :param message: part of the task's message, in every mode.
    :param extra: the connection's extra.
    """

    name: str
    rule: Mapping[str, Any]
    message: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def add(self, emulator: DamstraEmulator, count: int | None = None) -> None:
        """Let the next ``count`` requests fail, or all."""
        emulator.add_fault(**self.rule, count=count)


def fault_count(emulator: DamstraEmulator) -> int:
    """Return how many requests have failed; a delayed one counts once it is handled."""
    return sum(entry["fault"] is not None for entry in emulator.journal())


_NOT_DAMSTRA = "The response is not Damstra's: check the connection's host, and any proxy before it."
# Retry-After is covered by the tests of the poller (tests/polling/test_failure_limits.py).
_BUSY = {"status": 429, "headers": {"Retry-After": "0"}, "body": {"error": "Slow down"}}

# Errors that a further poll can fix.
TRANSIENT = (
    Fault(name="429", rule={"kind": "status", **_BUSY}, message="failed (HTTP 429): Slow down. Lower"),
    Fault(
        name="503",
        rule={"kind": "status", "status": 503},
        message="failed (HTTP 503): the response is empty.",
    ),
    Fault(
        name="reset",
        rule={"kind": "drop_before"},
        message="the connection was closed before a response arrived.",
    ),
    Fault(
        name="not JSON",
        rule={"kind": "status", "status": 200, "body": "{]"},
        message="returned HTTP 200, but the response cannot be read (",
    ),
    Fault(
        name="404 of a proxy",
        rule={"kind": "status", "status": 404},
        message=f"failed (HTTP 404): the response is empty. {_NOT_DAMSTRA}",
    ),
    Fault(name="html", rule={"kind": "html"}, message="failed (HTTP 502): '<html>"),
    Fault(
        name="slow",
        rule={"kind": "status", "status": 503, "delay": 2 * SHORT},
        message=f"no data for {SHORT:g} s.",
        extra={"timeout": SHORT},
    ),
)
# Errors that no retry can fix.
PERMANENT = (
    Fault(
        name="401",
        rule={"kind": "status", "status": 401},
        message=f"failed (HTTP 401): the response is empty. {_NOT_DAMSTRA}",
    ),
    Fault(
        name="403",
        rule={"kind": "status", "status": 403, "body": {"error": "Not authorised", "internalCode": 831}},
        message="failed (HTTP 403, code 831): Not authorised. The key's account lacks the permission,",
    ),
)
