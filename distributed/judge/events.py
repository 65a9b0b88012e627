"""Check of events: each completed lesson is exactly one asset event, and has started a DAG run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from distributed.judge.differences import SHOWN, compare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed.load.metadata import AssetEventRow

COMPLETED = "lesson.schedule.completed"


def judge_events(events: Iterable[AssetEventRow], *, watched: Iterable[int]) -> list[str]:
    """Return what is lost or doubled among the events of completed lessons.

    :param watched: lesson schedules whose completion must be an event, whether or not its webhook arrived.
        Those of other schedules may be missing, because the emulator sends a webhook three times at most.
    """
    completed = [event for event in events if event.uri.endswith(f"/{COMPLETED}")]
    counts = Counter(event.extra["payload"]["lesson_schedule_id"] for event in completed)
    watched = set(watched)
    others = [f"lesson schedule {one}" for one, count in counts.items() if count > 1 and one not in watched]
    unused = [str(event.id) for event in completed if not event.runs]
    repeated = [str(event.id) for event in completed if event.runs > 1]
    findings = compare(
        "asset events of watched lesson schedules",
        [one for one in counts.elements() if one in watched],
        watched,
    )
    if others:
        findings.append(f"asset events of other lesson schedules: doubled: {', '.join(others[:SHOWN])}")
    if unused:
        findings.append(f"asset events that started no DAG run: {', '.join(unused[:SHOWN])}")
    if repeated:
        findings.append(f"asset events that started several DAG runs: {', '.join(repeated[:SHOWN])}")
    return findings
