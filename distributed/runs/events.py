"""All completed lessons have become asset events, once each, whether their webhooks arrived or not."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING

from demo.waiting import DemoTimeoutError, wait_until
from distributed.judge.events import judge_events
from distributed.runs.result import RunResult

if TYPE_CHECKING:
    from distributed.stack.stack import Stack

CYCLE = 85.0
"""Seconds in which reconciliation finds and delivers an event: it polls every 20 s, and waits a minute."""

TIMEOUT = 240.0


def run(stack: Stack) -> RunResult:
    """Wait until no event of a watched lesson can be missing or repeated, and check all events."""
    watched = stack.watched
    watched.complete_rest()
    with contextlib.suppress(DemoTimeoutError):
        wait_until(
            lambda: time.monotonic() > watched.last_completed_at + CYCLE and not _findings(stack),
            description="the events of all completed lessons",
            timeout=TIMEOUT,
            interval=2.0,
        )
    sources = Counter(event.extra.get("source", "none") for event in stack.metadata.asset_events())
    result = RunResult(title="Events: webhooks, and reconciliation for those that were not delivered")
    result.facts = {
        "watched lessons": f"{len(watched.completed)}, {len(watched.undelivered)} of them without a webhook",
        "asset events by source": ", ".join(f"{name} {count}" for name, count in sources.most_common()),
    }
    result.findings = _findings(stack)
    for source, expected in (("webhook", len(watched.completed) // 2), ("polling", len(watched.undelivered))):
        if sources[source] < expected:
            result.findings.append(f"only {sources[source]} events by {source}")
    return result


def _findings(stack: Stack) -> list[str]:
    return judge_events(stack.metadata.asset_events(), watched=stack.watched.completed)
